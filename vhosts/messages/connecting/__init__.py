"""How an application connects: code for a RabbitMQ user in a virtual host, and the proof that it can.

The page and the API never hold a password: code reads it from RABBITMQ_PASSWORD. The proof signs in
with one that somebody types, and keeps it no longer than that.
"""
