"""Depths of queues: asked of the cheapest source, compared, and stored in the rows of queues."""
