"""Move, copy and delete messages: publish with confirms, acknowledge only then. A job survives its
worker, its connections and its brokers."""
