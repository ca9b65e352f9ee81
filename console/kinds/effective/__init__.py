"""Which policies apply to a queue or exchange, and which value of each setting is in force and why. Pure."""
