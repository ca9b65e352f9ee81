"""RabbitMQ permissions and topic permissions."""
