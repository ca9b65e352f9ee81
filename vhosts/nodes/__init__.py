"""The nodes of brokers: what polls saw of each, its history, certificates, health checks, pages and API."""
