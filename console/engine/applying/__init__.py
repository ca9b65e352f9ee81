"""How a worker applies steps on a broker: read, call, read back, record."""
