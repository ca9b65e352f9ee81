"""What clear passwords of RabbitMQ users must be like, by the console's settings."""
