"""The dead letter queues in scope, as a page or the API shows them. No broker is called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from django.db.models import Q

from accessctl.authorize import AnyUser, may
from accessctl.rights import Permission
from console.scope import Scope
from vhosts.messages.dead_letters.listing.figures import Figures, figures_of
from vhosts.messages.dead_letters.listing.reached import (
    Origin,
    Place,
    Reached,
    candidates,
    looks_like,
    reached_in,
)
from vhosts.models import DeadLetterSample, DeadLetterSetting, Queue
from vhosts.selectors import queues_in_scope

#: holds: dead letters stay in it · passes: they only come through · looks: only its name says so
Why = Literal["holds", "marked", "passes", "looks", "not"]
#: The most queues that one page shows.
MOST = 500


@dataclass(slots=True)
class DeadQueue:
    """A queue with what is known of its dead letters. `origins` are the queues whose dead letters reach it,
    in the order of names."""

    queue: Queue
    why: Why
    origins: Sequence[Origin] = ()
    figures: Figures = field(default_factory=Figures)
    setting: DeadLetterSetting | None = None
    sample: DeadLetterSample | None = None
    oldest: datetime | None = None
    stale: bool = False
    may_view: bool = False
    may_move: bool = False

    @property
    def place(self) -> Place:
        return self.queue.broker_id, self.queue.vhost, self.queue.name

    @property
    def sample_is_old(self) -> bool:
        """Return whether messages came or went since the sample, as far as polls saw."""
        at, changed = self.sample.read_at if self.sample else None, self.queue.depth_changed_at
        return at is not None and changed is not None and changed > at

    @property
    def tried_at(self) -> float:
        """Return when a sample was last tried, as seconds since 1970; 0: never."""
        at = self.sample.tried_at if self.sample else None
        return at.timestamp() if at else 0

    @property
    def is_worth_a_look(self) -> bool:
        """Return whether a sample could find something new: looking isn't free."""
        return self.queue.total != 0 or not self.tried_at or self.sample_is_old


@dataclass(slots=True)
class Found:
    """Queues by why they are there. `more`: how many dead letter queues aren't shown."""

    holding: list[DeadQueue] = field(default_factory=list)
    passing: list[DeadQueue] = field(default_factory=list)
    looking: list[DeadQueue] = field(default_factory=list)
    marked_not: list[DeadQueue] = field(default_factory=list)
    more: int = 0

    def __iter__(self) -> Any:
        return iter((*self.holding, *self.passing, *self.looking, *self.marked_not))


def dead_letter_queues(
    scope: Scope, user: AnyUser, now: datetime, *, figures: bool = True
) -> Found:
    """Return the dead letter queues in scope that the user may see, the fullest first, and those that
    may be some. The number of queries doesn't depend on the number of brokers or queues."""
    queues = queues_in_scope(scope, user)
    brokers = list(scope.enabled_brokers(user))
    queues = queues.filter(broker__in=brokers)
    reached = reached_in(brokers, queues, scope.vhost)
    settings = _settings(scope, brokers)
    places = {*reached, *settings}
    found = Found()
    rows = candidates(queues, places).order_by("broker__name", "vhost", "name")
    for queue in rows[: 10 * MOST]:
        place = (queue.broker_id, queue.vhost, queue.name)
        why = _why(queue.name, reached.get(place), settings.get(place))
        if why is None or (queue.noise and why == "looks"):
            continue
        one = DeadQueue(queue, why, setting=settings.get(place))
        if place in reached:
            one.origins = sorted(reached[place].origins, key=lambda origin: origin.queue)
        _list_of(found, why).append(one)
    for group in (found.holding, found.passing, found.looking, found.marked_not):
        group.sort(key=lambda one: -(one.queue.total or 0))
    found.more = max(len(found.holding) - MOST, 0)
    for group in (found.holding, found.passing, found.looking, found.marked_not):
        del group[MOST:]
    _complete(found, user, now, figures)
    return found


def _settings(scope: Scope, brokers: Sequence[Any]) -> dict[Place, DeadLetterSetting]:
    rows = DeadLetterSetting.objects.filter(broker__in=brokers)
    if scope.vhost is not None:
        rows = rows.filter(vhost=scope.vhost)
    return {(row.broker_id, row.vhost, row.queue): row for row in rows}


def _why(name: str, reached: Reached | None, setting: DeadLetterSetting | None) -> Why | None:
    if setting is not None and setting.is_dead_letters is not None:
        return "marked" if setting.is_dead_letters else "not"
    if reached is not None:
        return "holds" if reached.holds(name) else "passes"
    return "looks" if looks_like(name) else None


def _list_of(found: Found, why: Why) -> list[DeadQueue]:
    lists = {"passes": found.passing, "looks": found.looking, "not": found.marked_not}
    return lists.get(why, found.holding)


def _complete(found: Found, user: AnyUser, now: datetime, figures: bool) -> None:
    """Add figures, samples and rights."""
    shown = list(found)
    samples = _samples(shown)
    depths = [(one.queue.pk, one.queue.broker_id, one.queue.total) for one in shown]
    by_queue = figures_of(depths, now) if figures else {}
    for one in shown:
        queue, status = one.queue, one.queue.broker.status
        one.figures = by_queue.get(queue.pk, Figures())
        one.sample = samples.get(one.place)
        one.stale = status.is_stale(status.depths_at, now)
        one.may_view = may(user, Permission.MESSAGES_VIEW, queue.broker, queue.vhost)
        one.may_move = may(user, Permission.MESSAGES_MOVE, queue.broker, queue.vhost)


def _samples(shown: Iterable[DeadQueue]) -> dict[Place, DeadLetterSample]:
    places = [one.place for one in shown]
    brokers = {broker for broker, _, _ in places}
    names = {name for _, _, name in places}
    rows = DeadLetterSample.objects.filter(Q(broker__in=brokers, queue__in=names))
    return {(row.broker_id, row.vhost, row.queue): row for row in rows}
