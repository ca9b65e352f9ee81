"""Shared by all transports: address checks, deadlines, TLS."""
