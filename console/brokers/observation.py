"""How old and how complete the figures shown for a set of brokers are."""

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
    """The age and completeness of what is shown.

    `oldest`: when the oldest part was read; None: nothing was. `never`: brokers of which nothing
    was read yet. `behind`: brokers with stale figures. `doubtful`: (broker, sentence) for each
    shown part of the last inventory that couldn't be read completely.
    """

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
        """Whether an empty list is reliable: every broker in scope has been read."""
        return self.brokers > 0 and not self.never


def observe(
    brokers: Iterable[Broker], what: What, now: datetime, *, parts: Sequence[str] = ()
) -> Observation:
    """Return the observation of brokers: one query, or none for a list of brokers that have their
    status. `parts` are the shown parts of the inventory: "vhosts", "users" …, as in
    `BrokerStatus.part_errors`.
    """
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
        # Inventories run on their own schedule: they are stale when the broker doesn't answer.
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
        # One missing right can affect several parts.
        doubtful=list(dict.fromkeys(doubtful)),
    )


def _read_at(status: BrokerStatus, parts: Sequence[str]) -> datetime | None:
    """Return when the oldest of these parts of an inventory was read; None if one never was."""
    times = [status.part_at(part) for part in parts] or [status.inventory_at]
    known = [at for at in times if at is not None]
    return min(known) if len(known) == len(times) else None
