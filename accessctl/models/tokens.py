from __future__ import annotations

from django.db import models
from knox.models import AbstractAuthToken


class ApiToken(AbstractAuthToken):
    """A bearer token of a console user. Only its SHA-512 is kept; the token is shown once."""

    name = models.CharField(max_length=100)
    last_used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-created"]
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.token_key}…)"
