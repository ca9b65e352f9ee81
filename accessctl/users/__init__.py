"""RabbitMQ's users."""
