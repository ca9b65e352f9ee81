"""How far a person reaches: their grants, read once, asked in Python or turned into SQL."""

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
    """Where a right is asked for. No broker and no environment: all brokers."""

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
    """`everything`: a superuser. `only`: what the API token in use is limited to; None: nothing.
    Where `active` is false there is no reach at all."""

    active: bool
    everything: bool = False
    grants: Sequence[Grant] = ()
    only: frozenset[Permission] | None = None

    def lets(self, permission: Permission) -> bool:
        """Whether the account is active and its token, if one is used, does not rule it out."""
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
        """Whether some grant is limited to some virtual hosts."""
        return any(not globs.is_everything(grant.vhost_pattern) for grant in self.grants)

    def has_somewhere(self, permission: Permission, broker: Broker) -> bool:
        """On the broker or on any of its virtual hosts."""
        return self.lets(permission) and (
            self.everything
            or any(permission in grant.permissions and grant.is_on(broker) for grant in self.grants)
        )

    def covers(self, permission: Permission, place: Place) -> bool:
        """Whether one grant gives the permission over all of the place."""
        return self.lets(permission) and (
            self.everything
            or any(
                permission in grant.permissions and place.is_within(grant) for grant in self.grants
            )
        )

    @property
    def of_the_person(self) -> Reach:
        """What the grants give, whatever an API token in use leaves of it: what somebody may know to
        exist does not depend on the token."""
        return replace(self, only=None)

    def patterns(self, permission: Permission, broker: Broker) -> list[str]:
        """The patterns of virtual hosts on which grants give the permission on the broker, in order."""
        if not self.lets(permission):
            return []
        return sorted({
            grant.vhost_pattern
            for grant in self.grants
            if permission in grant.permissions and grant.is_on(broker)
        })  # fmt: skip

    def covers_each(self, permission: Permission, broker: Broker, patterns: Sequence[str]) -> bool:
        """Whether each of the patterns lies, as a whole, in one grant that gives the permission."""
        return bool(patterns) and all(
            self.covers(permission, Place(broker=broker, vhost_pattern=pattern))
            for pattern in patterns
        )

    def brokers(self, permission: Permission = Permission.BROKERS_VIEW, prefix: str = "") -> Q:
        """The condition, on brokers (or on what names one as `prefix`), that the permission is held
        on some part of them."""
        if not self.lets(permission):
            return _NOTHING
        return self._anywhere(permission, prefix, vhost="")

    def objects(self, permission: Permission, *, broker: str = "broker", vhost: str = "vhost") -> Q:
        """The condition on objects in virtual hosts. `vhost` names the column; "" is for what
        belongs to the whole broker, so that a grant on some virtual hosts does not reach it."""
        if not self.lets(permission):
            return _NOTHING
        return self._anywhere(permission, broker, vhost=vhost or None)

    def _anywhere(self, permission: Permission, prefix: str, vhost: str | None) -> Q:
        """`vhost` "": whatever the grant's pattern; None: only with a grant on all virtual hosts."""
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
    """One query, the first time it is asked of this object of the user: as with Django's own
    permissions, a request answers by what was granted when it began."""
    found: Reach | None = getattr(user, "_console_reach", None)
    if found is None:
        found = _read(user)
        user._console_reach = found  # type: ignore[union-attr]
    return found


def limit_reach(user: AnyUser, only: frozenset[Permission] | None) -> None:
    """From here on this object of the user reaches no further than an API token allows."""
    user._console_limit = only  # type: ignore[union-attr]
    user._console_reach = None  # type: ignore[union-attr]


def brokers_seen_by(user: AnyUser) -> Q:
    """For Broker.objects.visible_to: the kernel asks by the port BROKERS_VISIBLE_TO."""
    return reach_of(user).brokers()


def _read(user: AnyUser) -> Reach:
    if not (user.is_authenticated and user.is_active):
        return Reach(active=False)
    only: frozenset[Permission] | None = getattr(user, "_console_limit", None)
    if getattr(user, "is_superuser", False):
        return Reach(active=True, everything=True, only=only)
    # By name: the models ask this module who sees what, so it can't import them.
    grant: type[Grant] = apps.get_model("accessctl", "Grant")
    mine = Q(user=user.pk) | Q(group__in=user.groups.all())  # type: ignore[attr-defined]
    grants = grant.objects.filter(mine).select_related("broker", "group", "user")
    return Reach(active=True, grants=tuple(grants), only=only)


def _matches(grant: Grant, vhost: str | None) -> bool:
    """Without a virtual host the whole broker is meant."""
    if vhost is None:
        return globs.is_everything(grant.vhost_pattern)
    return globs.matches(grant.vhost_pattern, vhost)


def _brokers_of(grant: Grant, prefix: str) -> Q:
    if grant.broker_id is not None:
        return Q(**{prefix or "pk": grant.broker_id})
    if grant.environment:
        return Q(**{f"{prefix}__environment" if prefix else "environment": grant.environment})
    return Q()
