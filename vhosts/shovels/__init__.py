"""Shovels: their form, their state on the broker."""
