"""AMQP 0-9-1: depths by passive declare, and messages."""
