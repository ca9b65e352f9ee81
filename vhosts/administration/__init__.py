"""The Django admin of objects observed on brokers."""
