"""The flow strip of a queue's page: publishers, exchanges, the queue, consumers."""
