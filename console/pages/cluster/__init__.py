"""The page of a broker's cluster: name, feature flags, deprecated features, plugins, leaders."""
