"""RabbitMQ's permissions and topic permissions."""
