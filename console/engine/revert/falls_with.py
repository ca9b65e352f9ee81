"""Record what a broker deletes together with an object, right before the call that deletes it.

A revert creates these objects again. Trouble here never holds up the deletion: what wasn't
recorded is named when somebody reverts it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from console.engine.applying.broker_objects import BrokerObjects
from console.engine.applying.look import LISTING_FROM
from console.engine.applying.outcome import reference
from console.kinds.common.kind import Key, Op, Ref, Spec
from console.kinds.registry import KINDS, vhost_of
from console.models import DeletedWith, Step
from console.rabbitmq.errors import BrokerError
from console.rabbitmq.management.answers import rows_of
from console.rabbitmq.text import printable
from console.reconcile.definitions.text import why_unreadable
from console.reconcile.dependents import hanging_on
from console.reconcile.disclose import secrets_of_spec, told_spec

#: Most objects recorded for one step.
MOST_KEPT = 50_000
_ODD_ROW = (KeyError, TypeError, ValueError)
#: (ref, spec) of an object that can be created again, or a sentence about one that can't.
Found = tuple[Ref, Spec] | str


def record_what_falls(
    store: BrokerObjects,
    batch: Sequence[Step],
    before: Mapping[Key, Spec | None],
    keep: Callable[[], None],
) -> None:
    """Store what the deletions of the batch take along. `before` are the specs on the broker now.
    A step whose object is already gone keeps what an earlier attempt recorded. `keep` is called
    before each reading."""
    doomed = {
        reference(step): step
        for step in batch
        if (step.target.spec is None or step.op == Op.REPLACE)
        and before.get(reference(step).key) is not None
        and any(hanging_on(reference(step)))
    }
    if not doomed:
        return
    try:
        found = dict(_read(store, list(doomed), keep))
    except BrokerError:
        return
    rows = [_row(step, found[ref]) for ref, step in doomed.items()]
    DeletedWith.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["step"],
        update_fields=["objects_then", "lost", "left_out"],
        batch_size=500,
    )


def falls_with(get: Callable[..., Any], owner: Ref) -> Iterator[Found]:
    """Yield what is deleted with the object, read now with `get` of the management API. Raises
    BrokerError."""
    for kind, parts in _by_kind(owner).items():
        for reading in KINDS[kind].listed_with(owner) or KINDS[kind].wire.listing():
            rows = rows_of(get(*reading.segments, query=reading.query))
            yield from _of_rows(kind, rows, parts)


def _read(
    store: BrokerObjects, owners: Sequence[Ref], keep: Callable[[], None]
) -> Iterator[tuple[Ref, list[Found]]]:
    """Yield each owner with what is deleted with it. Many owners in a virtual host share one
    listing of it."""
    by_place: dict[str | None, list[Ref]] = {}
    for owner in owners:
        inner = None if KINDS[owner.kind].is_container else vhost_of(owner)
        by_place.setdefault(inner, []).append(owner)
    for vhost, those in by_place.items():
        if vhost is None or len(those) < LISTING_FROM:
            for owner in those:
                keep()
                yield owner, list(falls_with(store.get, owner))
        else:
            keep()
            yield from _shared(store, vhost, those)


def _shared(
    store: BrokerObjects, vhost: str, owners: Sequence[Ref]
) -> Iterator[tuple[Ref, list[Found]]]:
    """Do the same as `falls_with` for many objects of one kind in one virtual host."""
    inside = Ref(_CONTAINER, (vhost,))
    found: dict[Ref, list[Found]] = {owner: [] for owner in owners}
    for kind in {kind for owner in owners for kind in _by_kind(owner)}:
        wanted: dict[tuple[tuple[int, str], ...], list[Ref]] = {}
        for owner in owners:
            for parts in _by_kind(owner).get(kind, ()):
                wanted.setdefault(tuple(sorted(parts.items())), []).append(owner)
        shapes = {tuple(at for at, _ in parts) for parts in wanted}
        for reading in KINDS[kind].listed_with(inside) or KINDS[kind].wire.listing():
            rows = rows_of(store.get(*reading.segments, query=reading.query))
            for key, one in _told(kind, rows):
                hit = {
                    owner
                    for shape in shapes
                    for owner in wanted.get(tuple((at, key[at]) for at in shape), ())
                }
                for owner in hit:
                    found[owner].append(one)
    yield from found.items()


_CONTAINER = next(kind.name for kind in KINDS.values() if kind.is_container)


def _by_kind(owner: Ref) -> dict[str, list[Mapping[int, str]]]:
    found: dict[str, list[Mapping[int, str]]] = {}
    for kind, parts in hanging_on(owner):
        found.setdefault(kind, []).append(parts)
    return found


def _of_rows(
    kind: str, rows: Sequence[dict[str, Any]], parts: Sequence[Mapping[int, str]]
) -> Iterator[Found]:
    for key, one in _told(kind, rows):
        if any(all(key[at] == name for at, name in each.items()) for each in parts):
            yield one


def _told(kind: str, rows: Iterable[dict[str, Any]]) -> Iterator[tuple[Key, Found]]:
    """Yield each object of the rows with its key, or why it can't be created again."""
    found = KINDS[kind]
    for row in rows:
        try:
            pairs = list(found.wire.specs([row]))
        except _ODD_ROW:
            # No object that the console could address.
            continue
        for key, spec in pairs:
            why = found.why_lost(key, row)
            if why is None:
                continue
            if unfit := why_unreadable([list(key), dict(spec)]):
                yield key, f"The {printable(found.phrase(key))} isn't recorded. {unfit}"
                continue
            if why:
                yield key, why
                continue
            yield key, (Ref(kind, key), told_spec(kind, spec))
            if secrets_of_spec(kind, spec) is not None:
                yield (
                    key,
                    (
                        f"The credentials in the {found.phrase(key)} aren't stored. Edit it after the "
                        "revert and enter them."
                    ),
                )


def _row(step: Step, found: Sequence[Found]) -> DeletedWith:
    objects = dict(one for one in found if not isinstance(one, str))
    kept = islice(objects.items(), MOST_KEPT)
    return DeletedWith(
        step=step,
        objects_then=[[ref.kind, list(ref.key), dict(spec)] for ref, spec in kept],
        lost=[one for one in found if isinstance(one, str)][:1000],
        left_out=max(0, len(objects) - MOST_KEPT),
    )
