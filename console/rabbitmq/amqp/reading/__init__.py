"""Read messages: peek at a queue, read a stream, tap an exchange."""
