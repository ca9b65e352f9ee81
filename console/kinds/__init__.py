"""What RabbitMQ's objects are. Pure: no Django, no I/O, no imports from above."""
