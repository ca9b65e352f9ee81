"""Acts on a whole cluster, and on the members of its replicated queues."""
