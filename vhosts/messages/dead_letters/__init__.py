"""Dead letters of the fleet: which queues hold them, from where and why; replay, edit and discard."""
