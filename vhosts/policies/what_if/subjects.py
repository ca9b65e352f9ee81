"""The queues and exchanges of virtual hosts as last seen, as targets of policies."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db.models import TextField
from django.db.models.functions import Cast

from console.kinds.effective.select import EXCHANGE, Target
from console.models import Broker
from vhosts.models import Exchange, Queue

#: Most queues, and most exchanges, of one broker that a preview compares.
MOST = 50_000


@dataclass(frozen=True, slots=True)
class Subject:
    """A queue or exchange. `ready` and `consumers` as of the last poll; None is unknown, as for
    every exchange. `arguments` is their JSON text: equal texts are equal arguments."""

    target: Target
    arguments: str = "{}"
    ready: int | None = None
    consumers: int | None = None

    @property
    def is_queue(self) -> bool:
        return self.target.type != EXCHANGE


@dataclass(frozen=True, slots=True)
class Subjects:
    """Queues, then exchanges, each sorted by name. `is_cut`: there are more than MOST."""

    by_vhost: Mapping[str, tuple[Subject, ...]]
    is_cut: bool


def subjects_in(broker: Broker, vhosts: Collection[str]) -> Subjects:
    """Return the queues and exchanges of the virtual hosts. Two queries."""
    found: dict[str, list[Subject]] = {vhost: [] for vhost in vhosts}
    queues = Queue.objects.present().filter(broker=broker, vhost__in=vhosts)
    rows = list(
        queues.order_by("vhost", "name").values_list(
            "vhost", "name", "type", Cast("arguments", TextField()), "ready", "consumers"
        )[: MOST + 1]
    )
    for vhost, name, of_type, arguments, ready, consumers in rows[:MOST]:
        target = Target(name, of_type, _arguments(arguments))
        found[vhost].append(Subject(target, arguments, ready, consumers))
    exchanges = Exchange.objects.filter(broker=broker, vhost__in=vhosts).exclude(name="")
    others = list(
        exchanges.order_by("vhost", "name").values_list(
            "vhost", "name", Cast("arguments", TextField())
        )[: MOST + 1]
    )
    for vhost, name, arguments in others[:MOST]:
        found[vhost].append(Subject(Target(name, EXCHANGE, _arguments(arguments)), arguments))
    return Subjects(
        {vhost: tuple(subjects) for vhost, subjects in found.items()},
        max(len(rows), len(others)) > MOST,
    )


@lru_cache(maxsize=10_000)
def _arguments(text: str) -> Mapping[str, Any]:
    found = json.loads(text)
    return found if isinstance(found, dict) else {}
