"""Template tags of the lists of queues."""
