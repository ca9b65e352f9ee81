"""RabbitMQ's management HTTP API, 3.10 to 4.3."""
