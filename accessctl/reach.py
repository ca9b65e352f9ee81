"""What a person's grants cover: read once, then evaluated in Python or turned into SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.apps import apps
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Q

from accessctl import globs
from accessctl.rights import CONSOLE_WIDE, EVERYBODYS, OF_ANY_PART, Permission

if TYPE_CHECKING:
    from accessctl.models import Grant
    from console.models import Broker

AnyUser = AbstractBaseUser | AnonymousUser
_NOTHING = Q(pk__in=[])


@dataclass(frozen=True, slots=True)
class Place:
    """Where a right is needed. No broker and no environment: all brokers."""

    broker: Broker | None = None
    environment: str = ""
    vhost_pattern: str = globs.EVERYTHING

    def is_within(self, grant: Grant) -> bool:
        if not globs.contains(grant.vhost_pattern, self.vhost_pattern):
            return False
        if self.broker is not None:
            return grant.is_on(self.broker)
        if grant.broker_id is not None:
            return False
        return not grant.environment or grant.environment == self.environment


@dataclass(frozen=True, slots=True)
class Reach:
    """All rights of a user.

    `everything`: a superuser. `only`: the permissions that the API token in use is limited to;
    None: no limit. If `active` is False, the user has no rights at all.
    """

    active: bool
    everything: bool = False
    grants: Sequence[Grant] = ()
    only: frozenset[Permission] | None = None

    def lets(self, permission: Permission) -> bool:
        """Return whether the account is active and the API token in use, if any, allows the
        permission."""
        return self.active and (self.only is None or permission in self.only)

    def has(
        self, permission: Permission, broker: Broker | None = None, vhost: str | None = None
    ) -> bool:
        """See accessctl.authorize.may."""
        if not self.lets(permission):
            return False
        if self.everything or permission in EVERYBODYS:
            return True
        if broker is None:
            if permission in CONSOLE_WIDE:
                return self.covers(permission, Place())
            return any(permission in grant.permissions for grant in self.grants)
        return any(
            permission in grant.permissions
            and grant.is_on(broker)
            and (permission in OF_ANY_PART or _matches(grant, vhost))
            for grant in self.grants
        )

    @property
    def is_partial(self) -> bool:
        """Return whether some grant is limited to some virtual hosts."""
        return any(not globs.is_everything(grant.vhost_pattern) for grant in self.grants)

    def has_somewhere(self, permission: Permission, broker: Broker) -> bool:
        """Return whether the permission is given on the broker or any of its virtual hosts."""
        return self.lets(permission) and (
            self.everything
            or any(permission in grant.permissions and grant.is_on(broker) for grant in self.grants)
        )

    def covers(self, permission: Permission, place: Place) -> bool:
        """Return whether one grant gives the permission over all of the place."""
        return self.lets(permission) and (
            self.everything
            or any(
                permission in grant.permissions and place.is_within(grant) for grant in self.grants
            )
        )

    @property
    def of_the_person(self) -> Reach:
        """Return the reach without the API token's limit: what a person may know about doesn't
        depend on the token."""
        return replace(self, only=None)

    def patterns(self, permission: Permission, broker: Broker) -> list[str]:
        """Return the virtual host patterns for which grants give the permission on the broker,
        sorted."""
        if not self.lets(permission):
            return []
        return sorted({
            grant.vhost_pattern
            for grant in self.grants
            if permission in grant.permissions and grant.is_on(broker)
        })  # fmt: skip

    def covers_each(self, permission: Permission, broker: Broker, patterns: Sequence[str]) -> bool:
        """Return whether each pattern is entirely covered by one grant that gives the
        permission."""
        return bool(patterns) and all(
            self.covers(permission, Place(broker=broker, vhost_pattern=pattern))
            for pattern in patterns
        )

    def brokers(self, permission: Permission = Permission.BROKERS_VIEW, prefix: str = "") -> Q:
        """Return the condition on brokers (or on the relation `prefix` to one) where the
        permission is given on some part."""
        if not self.lets(permission):
            return _NOTHING
        return self._anywhere(permission, prefix, vhost="")

    def objects(self, permission: Permission, *, broker: str = "broker", vhost: str = "vhost") -> Q:
        """Return the condition on objects in virtual hosts.

        `vhost` is the column with the name. "" is for objects of the whole broker, which a grant
        on some virtual hosts doesn't cover.
        """
        if not self.lets(permission):
            return _NOTHING
        return self._anywhere(permission, broker, vhost=vhost or None)

    def _anywhere(self, permission: Permission, prefix: str, vhost: str | None) -> Q:
        """`vhost` "": any pattern of the grant; None: only grants on all virtual hosts."""
        if self.everything:
            return Q()
        found = _NOTHING
        for grant in self.grants:
            if permission not in grant.permissions:
                continue
            everywhere = globs.is_everything(grant.vhost_pattern)
            if vhost is None and not everywhere:
                continue
            where = _brokers_of(grant, prefix)
            if vhost and not everywhere:
                where &= Q(**{f"{vhost}__glob": grant.vhost_pattern})
            if not where:
                return Q()
            found |= where
        return found


def reach_of(user: AnyUser) -> Reach:
    """Return the user's reach.

    One query on first use per user object: as with Django's own permissions, a request uses the
    grants that existed when it started.
    """
    found: Reach | None = getattr(user, "_console_reach", None)
    if found is None:
        found = _read(user)
        user._console_reach = found  # type: ignore[union-attr]
    return found


def limit_reach(user: AnyUser, only: frozenset[Permission] | None) -> None:
    """Limit this user object to what an API token allows."""
    user._console_limit = only  # type: ignore[union-attr]
    user._console_reach = None  # type: ignore[union-attr]


def brokers_seen_by(user: AnyUser) -> Q:
    """Return the condition for Broker.objects.visible_to, which the console app calls through the
    port BROKERS_VISIBLE_TO."""
    return reach_of(user).brokers()


def _read(user: AnyUser) -> Reach:
    if not (user.is_authenticated and user.is_active):
        return Reach(active=False)
    only: frozenset[Permission] | None = getattr(user, "_console_limit", None)
    if getattr(user, "is_superuser", False):
        return Reach(active=True, everything=True, only=only)
    # By name: the models use this module for visibility, so it can't import them.
    grant: type[Grant] = apps.get_model("accessctl", "Grant")
    mine = Q(user=user.pk) | Q(group__in=user.groups.all())  # type: ignore[attr-defined]
    grants = grant.objects.filter(mine).select_related("broker", "group", "user")
    return Reach(active=True, grants=tuple(grants), only=only)


def _matches(grant: Grant, vhost: str | None) -> bool:
    """Return whether the grant covers the virtual host; None means the whole broker."""
    if vhost is None:
        return globs.is_everything(grant.vhost_pattern)
    return globs.matches(grant.vhost_pattern, vhost)


def _brokers_of(grant: Grant, prefix: str) -> Q:
    if grant.broker_id is not None:
        return Q(**{prefix or "pk": grant.broker_id})
    if grant.environment:
        return Q(**{f"{prefix}__environment" if prefix else "environment": grant.environment})
    return Q()
