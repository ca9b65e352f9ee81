"""Members of quorum queues and streams: on which nodes a queue has a replica."""
