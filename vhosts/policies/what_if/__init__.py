"""What a change of policies does to queues and exchanges, told before it is applied."""
