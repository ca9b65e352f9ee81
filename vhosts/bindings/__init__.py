"""Bindings of exchanges to queues and exchanges."""
