"""A reference to a queue or an exchange, and the words for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from console.faces.pages.words import listed
from console.models import Broker
from vhosts.models import Queue
from vhosts.topology.in_force import Policies, Target

What = Literal[
    "bindings_out", "bindings_in", "dead_letters", "alternate", "federation", "topics",
    "auto_delete", "policies", "reach", "shovels", "unknown",
]  # fmt: skip
#: Names in a sentence.
NAMED = 5
#: The most queues or exchanges that are read, and names that are asked for at once.
MOST = 2000
MOST_NAMES = 200


@dataclass(frozen=True, slots=True)
class Reference:
    """`count` objects refer to it in this way; `names` are the first of them. `sentence` says how,
    `effect` what a deletion changes for them; "" if nothing."""

    what: What
    count: int
    names: tuple[str, ...]
    sentence: str
    effect: str = ""


@dataclass(frozen=True, slots=True)
class Of:
    """The queue or exchange that is referred to."""

    broker: Broker
    kind: str
    vhost: str
    name: str
    policies: Policies

    def rows(self, model: Any) -> Any:
        rows = model.objects.filter(broker=self.broker, vhost=self.vhost)
        return rows.filter(gone_at=None) if model is Queue else rows


def exchange_called(name: str) -> str:
    """Return an exchange's name for a sentence."""
    return f"exchange {name}" if name else "the default exchange"


def named(names: Sequence[str], total: int) -> str:
    """Return `a and b`, or `a, b and 3 more`."""
    shown = list(names[:NAMED])
    if total > len(shown):
        return f"{', '.join(shown)} and {total - len(shown)} more"
    return listed(shown)


def first_of(found: Sequence[tuple[str, Target]]) -> tuple[str, ...]:
    return tuple(name for name, _ in found[:NAMED])
