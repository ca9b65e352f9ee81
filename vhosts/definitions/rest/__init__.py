"""The API of definitions and backups."""
