"""What was last seen of objects of any kind, from the inventories and what changes read back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from accessctl.models import BrokerPermission, BrokerTopicPermission, BrokerUser
from accessctl.users.model import SeenOnBroker
from accessctl.users.specs import seen_permissions, seen_topic_permissions, seen_users
from console.faces.face import FACES, Face
from console.kinds.common.kind import Key, Spec
from console.kinds.registry import KINDS
from console.models import Broker
from vhosts.models import VirtualHost
from vhosts.virtual_hosts.specs import seen_vhosts

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

_MODELS: Mapping[str, type[SeenOnBroker]] = {
    "vhost": VirtualHost,
    "user": BrokerUser,
    "permission": BrokerPermission,
    "topic_permission": BrokerTopicPermission,
}


def seen_kinds() -> tuple[str, ...]:
    """Kinds that inventories read whole; of others nothing is known without asking the broker."""
    return (*_MODELS, *FACES)


def model_of(kind: str) -> Any:
    """The mirror of a kind among `seen_kinds`."""
    return _MODELS[kind] if kind in _MODELS else FACES[kind].model


def seen_by_face(face: Face, broker: Broker, keys: Sequence[Key] | None = None) -> dict[Key, Spec]:
    """By key; all of the broker's where `keys` is None."""
    rows = face.model._default_manager.filter(broker=broker)
    if keys is not None:
        columns = face.kind.identity
        rows = rows.filter(
            **{f"{name}__in": {key[at] for key in keys} for at, name in enumerate(columns)}
        )
    return {face.key_of(row): face.spec_of(row) for row in rows.iterator()}


def seen_objects(broker: Broker, kind: str, keys: Sequence[Key]) -> dict[Key, Spec]:
    """Those of `keys` that are there, as last seen; a constant number of queries. Empty for a kind that
    is not among `seen_kinds`."""
    wanted = set(keys)
    if kind == "vhost":
        found = seen_vhosts(broker, [key[0] for key in wanted])
    elif kind == "user":
        found = seen_users(broker, [key[0] for key in wanted])
    elif kind in ("permission", "topic_permission"):
        vhosts, users = {key[0] for key in wanted}, {key[1] for key in wanted}
        of = seen_permissions if kind == "permission" else seen_topic_permissions
        found = of(broker, users=users, vhosts=vhosts)
    elif kind in FACES:
        found = seen_by_face(FACES[kind], broker, keys)
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
    if kind not in seen_kinds() or not wanted:
        return {}
    columns = KINDS[kind].identity
    rows = model_of(kind).objects
    visible = rows.all() if viewer is None else rows.visible_to(viewer)
    named = {f"{name}__in": {key[at] for key in wanted} for at, name in enumerate(columns)}
    found = visible.filter(broker=broker, **named).values_list("pk", *columns)
    return {tuple(key): pk for pk, *key in found if tuple(key) in wanted}
