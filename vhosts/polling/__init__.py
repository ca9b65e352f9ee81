"""Reading brokers on a schedule."""
