"""Who may do what: RabbitMQ's users and permissions, and the console's own people, grants, tokens and sessions."""
