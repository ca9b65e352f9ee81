"""What the page of dead letters shows: figures of the fleet, groups, and the queues that hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from accessctl.authorize import AnyUser
from console.scope import Scope
from vhosts.messages.dead_letters.listing.groups import BY, GroupRow, groups_of
from vhosts.messages.dead_letters.listing.jobs import Jobs, jobs_in
from vhosts.messages.dead_letters.listing.queues import DeadQueue, Found, dead_letter_queues
from vhosts.messages.dead_letters.parsing.deaths import REASONS

_DAY = timedelta(days=1)
_MOST_TEXT = 255
#: Groups on one page, the largest.
MOST_GROUPS = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """The filters of the address, checked. What can't be used is left out."""

    by: str = "cause"
    reason: str = ""
    text: str = ""
    queue: str = ""
    group: int | None = None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Asked:
        by, reason = query.get("by", ""), query.get("reason", "")
        group = query.get("group", "")
        number = group.isascii() and group.isdecimal() and len(group) < 18
        return cls(
            by if by in BY else "cause",
            reason if reason in (*REASONS, "none") else "",
            query.get("search", "").strip()[:_MOST_TEXT],
            query.get("queue", "")[:_MOST_TEXT],
            int(group) if number else None,
        )

    @property
    def filters(self) -> bool:
        return bool(self.reason or self.text or self.queue)


@dataclass(slots=True)
class Totals:
    """Sums over the queues that hold dead letters. None: unknown, at least in part (`unknown` queues)."""

    messages: int | None = None
    unknown: int = 0
    new: int | None = None
    usual: float | None = None
    line: tuple[int | None, ...] = ()
    groups: int = 0
    new_groups: int = 0
    oldest: GroupRow | None = None

    @property
    def times(self) -> float | None:
        if self.new is None or self.usual is None or self.new < 10:
            return None
        ratio = self.new / max(self.usual, 1.0)
        return ratio if ratio >= 2 else None


@dataclass(slots=True)
class Board:
    found: Found
    groups: list[GroupRow]
    totals: Totals
    asked: Asked
    chosen: GroupRow | None = None
    #: Groups that the filters leave out.
    filtered: int = 0
    hidden: int = 0
    never_sampled: list[DeadQueue] = field(default_factory=list)
    jobs: Jobs | None = None

    @property
    def brokers(self) -> int:
        return len({one.queue.broker_id for one in self.found.holding})


def board(
    scope: Scope, user: AnyUser, now: datetime, asked: Asked, *, most: int | None = MOST_GROUPS
) -> Board:
    """Return everything that the page shows. No broker is called."""
    found = dead_letter_queues(scope, user, now)
    every = groups_of(found.holding, user, now, by=asked.by)
    groups = every
    if asked.filters:
        groups = groups_of(
            found.holding, user, now, by=asked.by, reason=asked.reason, text=asked.text,
            queue=asked.queue,
        )  # fmt: skip
    chosen = next((one for one in groups if asked.group in {row.pk for row in one.rows}), None)
    if chosen is not None:
        chosen.is_chosen = True
    return Board(
        found,
        groups[:most],
        _totals(found.holding, every, now),
        asked,
        chosen,
        len(every) - len(groups),
        sum(not one.may_view for one in found.holding),
        [
            one
            for one in found.holding
            if one.may_view and (one.sample is None or one.sample.read_at is None)
        ],
        jobs_in(scope, {one.queue.broker for one in found}, user, now),
    )


def _totals(queues: Sequence[DeadQueue], groups: Sequence[GroupRow], now: datetime) -> Totals:
    depths = [one.queue.total for one in queues]
    known = [depth for depth in depths if depth is not None]
    new = [one.figures.new for one in queues if one.figures.new is not None]
    usual = [one.figures.usual for one in queues if one.figures.usual is not None]
    dated = [one for one in groups if one.first_death_at]
    return Totals(
        messages=sum(known) if known or not depths else None,
        unknown=len(depths) - len(known),
        new=sum(new) if new else None,
        usual=sum(usual) if usual and len(usual) == len(queues) else None,
        line=_line(queues),
        groups=len(groups),
        new_groups=sum(now - one.first_seen_at < _DAY for one in groups),
        oldest=min(dated, key=_first_death, default=None),
    )


def _first_death(row: GroupRow) -> Any:
    return row.first_death_at


def _line(queues: Sequence[DeadQueue]) -> tuple[int | None, ...]:
    """Return the sum of the depths over the week; a point is unknown if it is for each queue."""
    lines = [one.figures.week for one in queues if one.figures.week]
    found: list[int | None] = []
    for values in zip(*lines, strict=True):
        known = [value for value in values if value is not None]
        found.append(sum(known) if known else None)
    return tuple(found)
