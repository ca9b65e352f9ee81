from __future__ import annotations

from django.db import models


class Heartbeat(models.Model):
    """The last sign of life of a background process: beat, or a worker's queue."""

    name = models.CharField(max_length=32, primary_key=True)
    at = models.DateTimeField()
    host = models.TextField(blank=True)
    pid = models.IntegerField(null=True)

    def __str__(self) -> str:
        return self.name
