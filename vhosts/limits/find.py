"""The limits of virtual hosts and users, each as a separate object.

They are stored as a field of their owner, in RabbitMQ and here, so a limit has no state of its own.
Sources: `rabbit_vhost_limit.erl`, `rabbit_auth_backend_internal.erl` (user limits).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404

from accessctl.authorize import AnyUser
from accessctl.models import BrokerUser
from accessctl.users.model import SeenOnBroker
from accessctl.users.rules import LIMITS as USER_LIMITS
from console.kinds.user import USER
from console.kinds.vhost import VHOST
from console.models import ManagedObject
from vhosts.models import VirtualHost
from vhosts.virtual_hosts.rules import LIMITS as VHOST_LIMITS

#: Names of limits, by the kind of their owner.
NAMES: Mapping[str, tuple[str, ...]] = {VHOST.name: VHOST_LIMITS, USER.name: USER_LIMITS}
_MODELS: Mapping[str, type[SeenOnBroker]] = {VHOST.name: VirtualHost, USER.name: BrokerUser}
ID = r"(?:vhost|user)-[0-9]{1,18}-[a-z-]{1,40}"
_PARTS = re.compile(r"(vhost|user)-([0-9]{1,18})-([a-z-]{1,40})")


@dataclass(slots=True)
class Limit:
    """A limit. `owner` is the limited object, with its broker and the broker's status. `managed` is
    the desired state of the whole owner; None if it is unmanaged."""

    kind: str
    owner: Any
    name: str
    value: int
    managed: ManagedObject | None = None

    @property
    def id(self) -> str:
        return f"{self.kind}-{self.owner.pk}-{self.name}"

    @property
    def vhost(self) -> str | None:
        return str(self.owner.name) if self.kind == VHOST.name else None

    @property
    def user(self) -> str | None:
        return str(self.owner.name) if self.kind == USER.name else None

    @property
    def owner_name(self) -> str:
        return str(self.owner.name)

    @property
    def broker_id(self) -> int:
        return int(self.owner.broker_id)

    @property
    def broker_name(self) -> str:
        return str(self.owner.broker.name)

    @property
    def inventory_at(self) -> datetime | None:
        found: datetime | None = self.owner.broker.status.inventory_at
        return found


def limited(kind: str, viewer: AnyUser) -> QuerySet[Any]:
    """Return the virtual hosts or users with limits that `viewer` may see."""
    owners = _MODELS[kind].objects.visible_to(viewer)
    return owners.exclude(limits={}).select_related("broker__status")


def limits_of(kind: str, owners: Iterable[Any]) -> list[Limit]:
    """Return the limits of the owners. A negative limit means no limit in RabbitMQ, so it is left
    out."""
    return [
        Limit(kind, owner, name, value)
        for owner in owners
        for name, value in sorted(owner.limits.items())
        if value >= 0
    ]


def access_limit(viewer: AnyUser, limit_id: str) -> Limit:
    """Return a limit by its ID. Raises Http404."""
    parts = _PARTS.fullmatch(limit_id)
    if parts is not None:
        kind, pk, name = parts.groups()
        for limit in limits_of(kind, limited(kind, viewer).filter(pk=int(pk))):
            if limit.name == name:
                return limit
    raise Http404("Limit not found.")


def lay_managed(limits: Iterable[Limit]) -> None:
    """Set `managed` of each limit. One query."""
    found = list(limits)
    if not found:
        return
    owners = Q()
    for kind in NAMES:
        keys = [[limit.owner.name] for limit in found if limit.kind == kind]
        owners |= Q(kind=kind, key__in=keys)
    rows = ManagedObject.objects.filter(owners, broker__in={limit.broker_id for limit in found})
    by_key = {(row.broker_id, row.kind, row.key[0]): row for row in rows}
    for limit in found:
        limit.managed = by_key.get((limit.broker_id, limit.kind, limit.owner.name))
