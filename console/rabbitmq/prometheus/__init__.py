"""RabbitMQ's Prometheus plugin: per-queue depths, of one node or of all."""
