"""Definitions files: read, check, compare, transform and write them. Pure: no Django, no I/O."""
