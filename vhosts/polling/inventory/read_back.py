"""What a change read back, laid over the mirror at once: it is on the pages and in the API before the
next inventory, which confirms it.

An inventory that was under way meanwhile may hold a listing from before the change. So it leaves alone
what was read back since it began (`read_back_since`); both hold the broker's status row while they
write, and the change asks for another inventory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from django.db import DataError, transaction

from accessctl.users.origins import note_origins
from console.engine.ports import Origin
from console.faces.face import FACES
from console.kinds.common.kind import Key, Spec
from console.kinds.common.values import optional_text
from console.kinds.registry import KINDS
from console.kinds.user import USER
from console.models import Broker, BrokerStatus, ManagedObject
from console.rabbitmq.management.readings import tags
from console.rabbitmq.passwords import is_default_password
from vhosts.drift.seen_objects import model_of, seen_kinds
from vhosts.polling.inventory.face_parts import mirror_of, row_of
from vhosts.polling.inventory.gone import drop_what_hung_on
from vhosts.polling.inventory.mirror import Kind, lay_over
from vhosts.polling.inventory.parts import PERMISSIONS, TOPIC_PERMISSIONS, USERS, VHOSTS
from vhosts.polling.inventory.quarantine import why_unfit

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Laid:
    """How objects of a kind are mirrored. `row` makes what `table` holds of a key and its spec."""

    table: Kind
    row: Callable[[Key, Spec], tuple[Any, ...]]


def _vhost_row(key: Key, spec: Spec) -> tuple[Any, ...]:
    return (
        *key,
        spec.get("description", ""),
        list(tags(spec.get("tags"))),
        optional_text(spec.get("default_queue_type")) or "",
        spec.get("tracing"),
        spec.get("protected_from_deletion"),
        dict(spec.get("limits", {})),
    )


def _user_row(key: Key, spec: Spec) -> tuple[Any, ...]:
    hashed, algorithm = spec.get("password_hash"), spec.get("hashing_algorithm", "")
    return (
        *key,
        list(tags(spec.get("tags"))),
        None if hashed is None else bool(hashed),
        is_default_password(key[0], hashed, algorithm),
        algorithm,
        dict(spec.get("limits", {})),
    )


def _patterns_row(key: Key, spec: Spec) -> tuple[Any, ...]:
    return (*key, *(spec[name] for name in ("configure", "write", "read") if name in spec))


# On which nodes a vhost runs is not part of what is asked for: a new one gets it from the inventory.
_VHOSTS = replace(
    VHOSTS,
    values={name: kind for name, kind in VHOSTS.values.items() if name != "cluster_state"},
    given={"cluster_state": "'{}'::jsonb"},
)
_LAID: Mapping[str, _Laid] = {
    "vhost": _Laid(_VHOSTS, _vhost_row),
    "user": _Laid(USERS, _user_row),
    "permission": _Laid(PERMISSIONS, _patterns_row),
    "topic_permission": _Laid(TOPIC_PERMISSIONS, _patterns_row),
}
_KIND_OF_PART = {laid.table.name: kind for kind, laid in _LAID.items()}


def _laid(kind: str) -> _Laid | None:
    if kind in FACES:
        face = FACES[kind]
        return _Laid(mirror_of(kind), lambda key, spec: row_of(face, key, spec))
    return _LAID.get(kind)


def _kind_of_part(part: str) -> str | None:
    found = (face.name for face in FACES.values() if face.route == part)
    return _KIND_OF_PART.get(part) or next(found, None)


def note_read_back(
    broker_id: int,
    kind: str,
    seen: Mapping[Key, Spec | None],
    *,
    now: datetime,
    origins: Mapping[Key, Origin],
) -> None:
    """See console.engine.ports.Observer. Of the kinds that only inventories mirror it is noted what
    is gone."""
    gone = [key for key, spec in seen.items() if spec is None]
    laid = _laid(kind)
    if laid is None and not gone:
        return
    BrokerStatus.objects.select_for_update().filter(broker=broker_id).first()
    if laid is not None:
        _lay(laid, broker_id, kind, seen, now)
    if gone:
        _drop(broker_id, kind, gone)
        drop_what_hung_on(broker_id, kind, gone, now)
    if kind == USER.name:
        note_origins(broker_id, seen, origins)


def _lay(
    laid: _Laid, broker_id: int, kind: str, seen: Mapping[Key, Spec | None], now: datetime
) -> None:
    rows = [laid.row(key, spec) for key, spec in seen.items() if spec is not None]
    sound = [row for row in rows if why_unfit(*row[: len(laid.table.keys)]) is None]
    try:
        if sound:
            with transaction.atomic():
                lay_over(laid.table, broker_id, sound, now=now, complete=False, confirmed=False)
    except DataError:
        # What was not asked for may hold anything; that must not undo the outcome of the change.
        log.warning("read_back_unstorable", broker_id=broker_id, kind=kind, exc_info=True)


def _drop(broker_id: int, kind: str, gone: Sequence[Key]) -> None:
    if kind not in seen_kinds():
        return
    columns = KINDS[kind].identity
    named = {f"{name}__in": {key[at] for key in gone} for at, name in enumerate(columns)}
    found = model_of(kind).objects.filter(broker=broker_id, **named).values_list("pk", *columns)
    keys = set(gone)
    model_of(kind).objects.filter(pk__in=[pk for pk, *key in found if tuple(key) in keys]).delete()


def read_back_since(broker: Broker, part: str, began: datetime) -> list[Key]:
    """Keys of the objects of an inventory's part that a change read back after `began`."""
    kind = _kind_of_part(part)
    if kind is None:
        return []
    newer = ManagedObject.objects.filter(broker=broker, kind=kind, verified_at__gt=began)
    return [tuple(key) for key in newer.values_list("key", flat=True)]
