"""The registry of brokers and how to reach them: settings, credentials, connections, probes."""
