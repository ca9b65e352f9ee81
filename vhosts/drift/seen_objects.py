"""What was last seen of objects of any kind, from the inventories and what changes read back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from accessctl.models import BrokerPermission, BrokerTopicPermission, BrokerUser
from accessctl.users.model import SeenOnBroker
from accessctl.users.specs import seen_permissions, seen_topic_permissions, seen_users
from console.kinds.base import KINDS, Key, Spec
from console.models import Broker
from vhosts.models import VirtualHost
from vhosts.virtual_hosts.specs import seen_vhosts

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

#: Kinds that inventories read whole; of others nothing is known without asking the broker.
SEEN_KINDS = ("vhost", "user", "permission", "topic_permission")
MODELS: Mapping[str, type[SeenOnBroker]] = {
    "vhost": VirtualHost,
    "user": BrokerUser,
    "permission": BrokerPermission,
    "topic_permission": BrokerTopicPermission,
}


def seen_objects(broker: Broker, kind: str, keys: Sequence[Key]) -> dict[Key, Spec]:
    """Those of `keys` that are there, as last seen; a constant number of queries. Empty for a kind that
    is not among SEEN_KINDS."""
    wanted = set(keys)
    if kind == "vhost":
        found = seen_vhosts(broker, [key[0] for key in wanted])
    elif kind == "user":
        found = seen_users(broker, [key[0] for key in wanted])
    elif kind in ("permission", "topic_permission"):
        vhosts, users = {key[0] for key in wanted}, {key[1] for key in wanted}
        of = seen_permissions if kind == "permission" else seen_topic_permissions
        found = of(broker, users=users, vhosts=vhosts)
    else:
        return {}
    return {key: spec for key, spec in found.items() if key in wanted}


def ids_of(
    broker: Broker,
    kind: str,
    keys: Iterable[Key],
    *,
    viewer: AbstractBaseUser | AnonymousUser | None = None,
) -> dict[Key, int]:
    """See console.faces.seen.ids_of."""
    wanted = set(keys)
    if kind not in MODELS or not wanted:
        return {}
    columns = KINDS[kind].identity
    rows = MODELS[kind].objects
    visible = rows.all() if viewer is None else rows.visible_to(viewer)
    named = {f"{name}__in": {key[at] for key in wanted} for at, name in enumerate(columns)}
    found = visible.filter(broker=broker, **named).values_list("pk", *columns)
    return {tuple(key): pk for pk, *key in found if tuple(key) in wanted}
