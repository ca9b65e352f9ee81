"""Who may do what: RabbitMQ's users and permissions, and the console's people, grants, tokens and
sessions."""
