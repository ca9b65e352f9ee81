"""Which bindings of an exchange match a message, and why: one module for each way of matching."""
