"""The console's rules for clear passwords of RabbitMQ users."""
