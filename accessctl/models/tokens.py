from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from knox.models import AbstractAuthToken

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> ApiTokenQuerySet:
        """A person's own tokens, whoever they are."""
        return self.filter(user_id=user.pk) if user.is_authenticated else self.none()


class ApiToken(AbstractAuthToken):
    """A bearer token of a console user. Only its SHA-512 is kept; the token is shown once."""

    #: knox has the digest as the primary key; ours is a number, so that no address holds a digest.
    digest = models.CharField(max_length=128, unique=True, editable=False)
    name = models.CharField(max_length=100)
    last_used_at = models.DateTimeField(null=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created", "-id"]
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.token_key}…)"

    def is_expired(self, now: datetime) -> bool:
        return self.expiry is not None and self.expiry <= now
