"""Celery's messages: as files on one machine, or in Redis."""
