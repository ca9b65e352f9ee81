"""How old, and how whole, what is shown of a set of brokers is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from console.models import Broker, BrokerStatus
from console.models.broker_states import ANSWERING

What = Literal["inventory_at", "depths_at"]


@dataclass(frozen=True, slots=True)
class Observation:
    """`oldest`: when the oldest part of what is shown was read; None: nothing was. `never`:
    brokers of which nothing was read yet; `behind`: those whose figures are stale; `doubtful`:
    (broker, sentence) where a part of the last inventory that is shown could not be read whole."""

    brokers: int
    oldest: datetime | None
    newest: datetime | None
    never: list[Broker] = field(default_factory=list)
    behind: list[Broker] = field(default_factory=list)
    doubtful: list[tuple[Broker, str]] = field(default_factory=list)

    @property
    def is_stale(self) -> bool:
        return bool(self.behind)

    @property
    def answered(self) -> bool:
        """Whether an empty list is an answer: every broker in scope has given one."""
        return self.brokers > 0 and not self.never


def observe(
    brokers: Iterable[Broker], what: What, now: datetime, *, parts: Sequence[str] = ()
) -> Observation:
    """One query, or none for brokers in hand (with their status). `parts` of the inventory are what is
    shown: "vhosts", "users" …, as in `BrokerStatus.part_errors`."""
    seen = list(brokers)
    times, never, behind, doubtful = [], [], [], []
    for broker in seen:
        status = broker.status
        at = getattr(status, what) if what == "depths_at" else _read_at(status, parts)
        doubtful += [
            (broker, str(reason)) for part in parts if (reason := status.part_errors.get(part))
        ]
        if at is None:
            never.append(broker)
            continue
        times.append(at)
        # Inventories come at a pace of their own: they are old once the broker does not answer.
        stale = (
            status.is_stale(at, now)
            if what == "depths_at"
            else status.shown_state(now) not in ANSWERING
        )
        if stale:
            behind.append(broker)
    return Observation(
        brokers=len(seen),
        oldest=min(times, default=None),
        newest=max(times, default=None),
        never=never,
        behind=behind,
        # One missing right is the reason for several parts.
        doubtful=list(dict.fromkeys(doubtful)),
    )


def _read_at(status: BrokerStatus, parts: Sequence[str]) -> datetime | None:
    """When the oldest of these parts of an inventory was read; None where one never was."""
    times = [status.part_at(part) for part in parts] or [status.inventory_at]
    known = [at for at in times if at is not None]
    return min(known) if len(known) == len(times) else None
