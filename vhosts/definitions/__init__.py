"""Definitions files: export, import as a plan, copy, backups, compare."""
