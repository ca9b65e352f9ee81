"""Groups of dead letters as somebody may see them, merged as they request it."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pika

from accessctl.authorize import AnyUser
from console.rabbitmq.amqp.message import Message
from vhosts.messages.dead_letters.listing.queues import DeadQueue
from vhosts.messages.dead_letters.listing.reached import Place
from vhosts.messages.dead_letters.parsing.exceptions import alike
from vhosts.messages.showing import Reader, reader_of, shown
from vhosts.models import DeadLetterCount, DeadLetterGroup

WEEK = timedelta(days=7)
_POINTS = 29
#: The most stored groups that are read for one page.
MOST = 2_000
#: By what groups are merged.
BY = {"cause": "Queue, reason, exception", "queue": "Queue", "exception": "Exception"}


@dataclass(slots=True)
class GroupRow:
    """One line: stored groups that are alike for this viewer. `exception` is what they may see of it:
    `hidden` by a masking rule, or "" for none. Times are those of deaths; None: unknown."""

    rows: list[DeadLetterGroup]
    broker: Any
    vhost: str
    exception: str
    header: str
    hidden: bool
    held_in: list[DeadQueue] = field(default_factory=list)
    week: tuple[int | None, ...] = ()
    is_chosen: bool = False
    #: Whether another line differs only in the shape of the body.
    shows_shape: bool = False

    @property
    def id(self) -> int:
        return self.rows[0].pk

    @property
    def origins(self) -> list[str]:
        return sorted({row.origin for row in self.rows})

    @property
    def reasons(self) -> list[str]:
        return sorted({row.reason for row in self.rows})

    @property
    def count(self) -> int:
        return sum(row.count for row in self.rows)

    @property
    def shapes(self) -> list[str]:
        return sorted({row.shape for row in self.rows if row.shape})

    @property
    def most_times(self) -> int:
        return max(row.most_times for row in self.rows)

    @property
    def first_death_at(self) -> datetime | None:
        return min((row.first_death_at for row in self.rows if row.first_death_at), default=None)

    @property
    def last_death_at(self) -> datetime | None:
        return max((row.last_death_at for row in self.rows if row.last_death_at), default=None)

    @property
    def first_seen_at(self) -> datetime:
        return min(row.first_seen_at for row in self.rows)

    @property
    def seen_at(self) -> datetime:
        return max(row.seen_at for row in self.rows)

    @property
    def is_old(self) -> bool:
        """Return whether a queue changed since its sample."""
        return any(one.sample_is_old for one in self.held_in)

    @property
    def is_part(self) -> bool:
        """Return whether the sample didn't cover a whole queue, so that there may be more."""
        return any(
            one.sample is not None and (one.sample.ready or 0) > one.sample.read
            for one in self.held_in
        )


def groups_of(
    queues: Iterable[DeadQueue], user: AnyUser, now: datetime, *, by: str = "cause", reason: str = "",
    text: str = "", queue: str = "",
) -> list[GroupRow]:  # fmt: skip
    """Return the groups in these queues, the largest first. `text` is looked for only in what the user
    may see. `queue`: the name of the queue that holds them, or that they come from."""
    by_place = {one.place: one for one in queues if one.may_view}
    stored = _stored(by_place, user)
    readers: dict[tuple[int, str], Reader] = {}
    merged: dict[tuple[Any, ...], GroupRow] = {}
    for row in stored:
        at = (row.broker_id, row.vhost)
        if at not in readers:
            readers[at] = reader_of(user, *at)
        if reason and (row.reason or "none") != reason:
            continue
        if queue and queue not in (row.queue, row.origin):
            continue
        exception, hidden = exception_for(row, readers[at])
        if text and not _has(row, exception, text):
            continue
        shape = row.shape if readers[at].reads else ""
        key = _key(row, exception, hidden, shape, by)
        holder = by_place[row.broker_id, row.vhost, row.queue]
        found = merged.get(key)
        if found is None:
            found = merged[key] = GroupRow(
                [], holder.queue.broker, row.vhost, exception, _header(row), hidden
            )
        found.rows.append(row)
        if holder not in found.held_in:
            found.held_in.append(holder)
    _note_shapes(merged.values())
    rows = sorted(merged.values(), key=lambda one: (-one.count, one.origins, one.exception))
    _add_trends(rows, now)
    return rows


def exception_for(row: DeadLetterGroup, reader: Reader) -> tuple[str, bool]:
    """Return what the reader may see of a group's exception, and whether a mask hides it."""
    if not row.exception:
        return "", False
    names = row.exception_header.split("\n")
    properties = pika.BasicProperties(headers=dict.fromkeys(names, row.exception))
    found = shown(Message("", "", False, properties, b""), reader).headers
    if len(found) < len(set(names)) or any(one.masked for one in found):
        return "", True
    return found[0].text, False


def _header(row: DeadLetterGroup) -> str:
    """Return the name of the header that says what happened."""
    return row.exception_header.split("\n")[-1]


def _stored(by_place: Mapping[Place, DeadQueue], user: AnyUser) -> list[DeadLetterGroup]:
    brokers = {broker for broker, _, _ in by_place}
    names = {name for _, _, name in by_place}
    rows = DeadLetterGroup.objects.visible_to(user).filter(
        broker__in=brokers, queue__in=names, count__gt=0
    )
    found = rows.order_by("-count", "pk")[:MOST]
    return [row for row in found if (row.broker_id, row.vhost, row.queue) in by_place]


def _has(row: DeadLetterGroup, exception: str, text: str) -> bool:
    wanted = text.casefold()
    return any(
        wanted in one.casefold()
        for one in (row.origin, row.queue, row.reason, row.vhost, exception)
    )


def _key(
    row: DeadLetterGroup, exception: str, hidden: bool, shape: str, by: str
) -> tuple[Any, ...]:
    if by == "queue":
        return (row.broker_id, row.vhost, row.origin or row.queue)
    if by == "exception":
        return (row.exception_header, alike(exception), hidden, "" if exception else row.reason)
    base = row.base if not hidden else (row.origin, row.reason, row.exception_header)
    return (row.broker_id, row.vhost, row.queue, base, shape)


def _note_shapes(rows: Iterable[GroupRow]) -> None:
    alike: dict[tuple[Any, ...], list[GroupRow]] = defaultdict(list)
    for row in rows:
        one = row.rows[0]
        alike[one.broker_id, one.vhost, one.queue, one.base].append(row)
    for same in alike.values():
        for row in same:
            row.shows_shape = len(same) > 1


def _add_trends(rows: Sequence[GroupRow], now: datetime) -> None:
    """Add how many messages each sample of the last 7 days found. One query."""
    counts: dict[int, list[tuple[datetime, int]]] = defaultdict(list)
    ids = [one.pk for row in rows for one in row.rows]
    found = DeadLetterCount.objects.filter(group__in=ids, at__gte=now - WEEK).order_by("at")
    for group, at, count in found.values_list("group", "at", "count"):
        counts[group].append((at, count))
    for row in rows:
        lines = [_line(counts[one.pk], now) for one in row.rows]
        row.week = tuple(_summed(values) for values in zip(*lines, strict=True))


def _line(counts: Sequence[tuple[datetime, int]], now: datetime) -> list[int | None]:
    times = [at for at, _ in counts]
    found: list[int | None] = []
    for number in range(_POINTS):
        position = bisect_right(times, now - WEEK + number * (WEEK / (_POINTS - 1)))
        found.append(counts[position - 1][1] if position else None)
    return found


def _summed(values: tuple[int | None, ...]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
