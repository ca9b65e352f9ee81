"""RabbitMQ's permission patterns: PCRE as the broker runs it, checks, plain descriptions."""
