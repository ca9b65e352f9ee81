"""Queue depths: read from the cheapest source, compared, and stored in the queue rows."""
