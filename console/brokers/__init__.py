"""The registry of brokers and how to reach one: settings, credentials, connections, probes."""
