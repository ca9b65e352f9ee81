"""Limits of virtual hosts that an import would run into, half-way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from console.engine.applying.broker_objects import BrokerObjects
from console.faces.pages.words import counted
from console.kinds.common.kind import Op, Ref, Spec
from console.kinds.registry import CONTAINER, KINDS, phrase, vhost_of
from console.rabbitmq.errors import BrokerError
from vhosts.definitions.import_losses import Row

#: The limit on connections, of which writing some kinds takes one.
_CONNECTIONS = "max-connections"
#: So many virtual hosts with limits are counted on the broker; of more, what its definitions tell counts.
_MOST_COUNTED = 50


def beyond_limits(
    rows: Sequence[Row],
    live: Mapping[Ref, Spec],
    wanted: Mapping[Ref, Spec | None],
    store: BrokerObjects,
) -> Iterator[tuple[Row, str]]:
    """The planned rows that the broker will refuse because a limit of their virtual host is reached, as
    it is to be after the import, with the reason."""
    by_container: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda one: (KINDS[one.ref.kind].rank, one.ref)):
        name = vhost_of(row.ref)
        if row.state == "planned" and row.op in (Op.CREATE, Op.REPLACE) and name is not None:
            by_container.setdefault(name, []).append(row)
    counts = _Counts(store)
    for name, planned in by_container.items():
        container = Ref(CONTAINER.name, (name,))
        limits = (wanted.get(container) or live.get(container) or {}).get("limits") or {}
        if not limits:
            continue
        told: set[Ref] = set()
        for row, why in _of_one(container, limits, planned, live, counts):
            if row.ref not in told:
                told.add(row.ref)
                yield row, why


def _of_one(
    container: Ref,
    limits: Mapping[str, int],
    planned: Sequence[Row],
    live: Mapping[Ref, Spec],
    counts: _Counts,
) -> Iterator[tuple[Row, str]]:
    name, called = container.key[0], phrase(container)
    if _CONNECTIONS in limits:
        writing = [row for row in planned if KINDS[row.ref.kind].takes_connection]
        most = limits[_CONNECTIONS]
        there = counts.of("vhosts", name, "connections") if writing and most else 0
        if writing and there >= most:
            for row in writing:
                yield (
                    row,
                    f"The {called} allows {counted(most, 'connection')} ({_CONNECTIONS}) and has {there}: "
                    "RabbitMQ needs one more to declare it. Raise the limit.",
                )
    for limit, kind in KINDS[container.kind].counts.items():
        if limit not in limits:
            continue
        new = [row for row in planned if row.ref.kind == kind and row.op is Op.CREATE]
        if not new:
            continue
        told = sum(1 for ref in live if ref.kind == kind and vhost_of(ref) == name)
        # Definitions leave out those that belong to a connection, which count too.
        there = max(
            told, counts.of(KINDS[kind].section.name, name) if told or container in live else 0
        )
        most = limits[limit]
        for row in new[max(0, most - there) :]:
            yield (
                row,
                f"The {called} allows {counted(most, KINDS[kind].noun)} ({limit}) and has {there}; the "
                f"import creates {len(new)} more. Raise the limit, or import fewer.",
            )


class _Counts:
    """How many there are now, by one page of a listing."""

    def __init__(self, store: BrokerObjects) -> None:
        self._store, self._asked = store, 0

    def of(self, *segments: str) -> int:
        """0 where the broker doesn't tell."""
        self._asked += 1
        if self._asked > _MOST_COUNTED:
            return 0
        query: dict[str, str | int] = {"page": 1, "page_size": 1, "columns": "name"}
        try:
            found: Any = self._store.get(*segments, query=query)
        except BrokerError:
            return 0
        if isinstance(found, list):
            return len(found)
        total = found.get("total_count") if isinstance(found, dict) else None
        return total if isinstance(total, int) else 0
