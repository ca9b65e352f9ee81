"""Poll brokers on a schedule."""
