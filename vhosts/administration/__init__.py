"""The Django admin of what is seen on brokers."""
