"""Replays and deletions of dead letters that run or have just ended, as the page shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, Sum

from accessctl.authorize import AnyUser
from console.models import Broker
from console.scope import Scope
from vhosts.messages.moving.model import MessageJob
from vhosts.models import DeadLetterReplay

_SHOWN_FOR = timedelta(minutes=10)
_MOST = 5
PURPOSES = ("replay", "discard")


@dataclass(frozen=True, slots=True)
class Running:
    """A job with what is watched about it (None of a deletion)."""

    job: MessageJob
    replay: DeadLetterReplay | None

    @property
    def percent(self) -> int | None:
        """Return how far it is, 0 to 100; None if it hasn't begun."""
        if not self.job.frozen:
            return None
        seen = self.job.done + self.job.left_behind + self.job.skipped
        return min(100, round(100 * seen / self.job.frozen))


@dataclass(frozen=True, slots=True)
class Jobs:
    shown: list[Running]
    replayed_today: int
    again_today: int


def jobs_in(scope: Scope, brokers: Iterable[Broker], user: AnyUser, now: datetime) -> Jobs:
    """Return the jobs in scope that run or ended within minutes, and sums of the last 24 hours. Two queries."""
    rows = MessageJob.objects.visible_to(user).filter(broker__in=brokers, purpose__in=PURPOSES)
    if scope.vhost is not None:
        rows = rows.filter(vhost=scope.vhost)
    recent = Q(ended_at=None) | Q(ended_at__gte=now - _SHOWN_FOR)
    shown = rows.filter(recent).select_related("broker", "replay").order_by("-created_at")[:_MOST]
    of_day = rows.filter(purpose="replay", created_at__gte=now - timedelta(days=1))
    sums = of_day.aggregate(replayed=Sum("confirmed"), again=Sum("replay__again"))
    return Jobs(
        [Running(job, getattr(job, "replay", None)) for job in shown],
        sums["replayed"] or 0,
        sums["again"] or 0,
    )
