"""Upgrade readiness: what stands between a broker and a later version of RabbitMQ."""
