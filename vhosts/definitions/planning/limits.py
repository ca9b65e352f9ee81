"""Find limits that an import would hit halfway, and limits that it sets below the existing
count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from console.engine.applying.broker_objects import BrokerObjects
from console.faces.pages.words import counted
from console.kinds.common.kind import Op, Ref, Spec
from console.kinds.registry import CONTAINER, KINDS, phrase, vhost_of
from console.rabbitmq.errors import BrokerError
from vhosts.definitions.import_losses import Row

_CONNECTIONS = "max-connections"
#: Up to this many counts are read from the broker; beyond that, its definitions are counted.
_MOST_COUNTED = 50


class Limits:
    """The limits that one plan meets: its new objects together with those on the broker."""

    def __init__(self, store: BrokerObjects, live: Mapping[Ref, Spec]) -> None:
        self._store, self._live, self._asked = store, live, 0

    def beyond(
        self, rows: Sequence[Row], wanted: Mapping[Ref, Spec | None]
    ) -> Iterator[tuple[Ref, str]]:
        """Yield the planned objects that the broker would refuse because they exceed a limit of
        their virtual host, each with the reason. The limit is the one after the import."""
        created: dict[tuple[str, str], list[Ref]] = {}
        for row in rows:
            name = vhost_of(row.ref)
            if row.state == "planned" and row.op is Op.CREATE and name is not None:
                created.setdefault((name, row.ref.kind), []).append(row.ref)
        for (name, kind), refs in created.items():
            container = Ref(CONTAINER.name, (name,))
            limits = (wanted.get(container) or self._live.get(container) or {}).get("limits") or {}
            limit = next((one for one, of in CONTAINER.counts.items() if of == kind), "")
            if limit not in limits:
                continue
            most, there = limits[limit], self._there(container, kind)
            for ref in sorted(refs)[max(0, most - there) :]:
                yield (
                    ref,
                    f"The {phrase(container)} allows {counted(most, KINDS[kind].noun)} ({limit}) and has "
                    f"{there}; the import creates {len(refs)} more. Raise the limit, or import fewer.",
                )

    def exceeded(self, rows: Sequence[Row], wanted: Mapping[Ref, Spec | None]) -> Iterator[str]:
        """Yield a sentence for each limit that the import sets below the existing count. Existing
        objects stay."""
        for row in rows:
            spec = wanted.get(row.ref)
            if row.state != "planned" or spec is None or row.ref not in self._live:
                continue
            before, after = self._live[row.ref].get("limits") or {}, spec.get("limits") or {}
            for limit, most in after.items():
                if before.get(limit) == most:
                    continue
                there, noun = self._counted_by(row.ref, limit)
                if there > most:
                    yield (
                        f"The {phrase(row.ref)} gets {limit} {most} and has {counted(there, noun)}: they "
                        "stay, and RabbitMQ refuses new ones."
                    )

    def _counted_by(self, ref: Ref, limit: str) -> tuple[int, str]:
        kind = KINDS[ref.kind]
        if limit == _CONNECTIONS:
            return self._count(*kind.connections_at(ref.key)), "connection"
        if limit in kind.counts:
            of = kind.counts[limit]
            return self._there(ref, of), KINDS[of].noun
        return 0, ""

    def _there(self, container: Ref, kind: str) -> int:
        """Return the existing count. Definitions omit queues that belong to a connection, and
        those count too."""
        if container not in self._live:
            return 0
        name = container.key[0]
        told = sum(1 for ref in self._live if ref.kind == kind and vhost_of(ref) == name)
        return max(told, self._count(KINDS[kind].section.name, name))

    def _count(self, *segments: str) -> int:
        """Return the count from one page of the listing; 0 if the broker doesn't report it."""
        self._asked += 1
        if not segments or self._asked > _MOST_COUNTED:
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
