"""Drift and unmanaged objects: restore, accept, adopt."""
