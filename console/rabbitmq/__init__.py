"""The adapter: everything Warren knows about talking to a RabbitMQ broker. Imports no Django."""
