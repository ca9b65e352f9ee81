"""How a worker brings steps to their end on a broker: read, call, read back, record."""
