"""Postgres and RabbitMQ on this machine: ports, start, stop, logins."""
