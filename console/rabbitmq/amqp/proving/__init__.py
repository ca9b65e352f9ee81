"""Sign in over AMQP step by step, and say which step failed."""
