from __future__ import annotations

from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from accessctl.reach import reach_of
from accessctl.rights import Permission

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> ApiTokenQuerySet:
        """Return the user's own tokens; all for people with people:edit."""
        reach = reach_of(user)
        if not reach.lets(Permission.TOKENS_OWN):
            return self.none()
        return self if reach.has(Permission.PEOPLE_EDIT) else self.of(user)

    def of(self, user: AbstractBaseUser | AnonymousUser) -> ApiTokenQuerySet:
        return self.filter(user_id=user.pk)  # type: ignore[misc]


class ApiToken(models.Model):
    """A person's bearer token. Only its SHA-512 is stored; the token is shown once."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="auth_token_set"
    )
    #: Hexadecimal. Not the primary key, so that no URL contains a digest.
    digest = models.CharField(max_length=128, unique=True, editable=False)
    #: The first characters of the token, so that people can tell their tokens apart.
    token_key = models.CharField(max_length=25, db_index=True)
    name = models.CharField(max_length=100)
    created = models.DateTimeField(auto_now_add=True)
    expiry = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    #: Permissions that it is limited to; None: all of its owner's. Never more than its owner's.
    scopes = ArrayField(models.CharField(max_length=64), null=True)
    #: Networks from which it can be used, such as 10.0.0.0/8; empty: any.
    networks = ArrayField(models.CharField(max_length=64), default=list)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created", "-id"]
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.token_key}…)"

    @property
    def only(self) -> frozenset[Permission] | None:
        """Return the scopes that still exist, for accessctl.reach; None for no limit."""
        if self.scopes is None:
            return None
        return frozenset(permission for permission in Permission if permission in self.scopes)

    def is_good_from(self, address: str) -> bool:
        """Return whether it can be used from this IP address; False if the address is invalid."""
        if not self.networks:
            return True
        try:
            asking = ip_address(address)
        except ValueError:
            return False
        # A dual-stack listener shows an IPv4 client as ::ffff:10.0.0.1.
        asking = getattr(asking, "ipv4_mapped", None) or asking
        return any(asking in ip_network(network) for network in self.networks)

    def is_expired(self, now: datetime) -> bool:
        return self.expiry is not None and self.expiry <= now
