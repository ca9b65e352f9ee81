"""Acts on a whole cluster, on the members of its replicated queues, and on connections of clients."""
