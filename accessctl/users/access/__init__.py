"""Who may see and change which RabbitMQ user."""
