"""Types about the console itself: its workers and background jobs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Min

from console.background.job_runs import in_trouble, read_jobs
from console.background.queues import QUEUES, WITHOUT
from console.background.signs.alive import BEAT
from console.background.signs.heartbeats import queue_heartbeat
from console.models import Heartbeat, JobRun
from vhosts.alerts.tables.choices import SubjectKind
from vhosts.alerts.tables.rules import AlertRule
from vhosts.alerts.types.declare import Figure, RuleType


def _workers(now: datetime, rule: AlertRule) -> Iterator[Figure]:
    """The seconds since the last sign of life of each queue's worker, and of beat. One that never
    gave any counts from when its jobs were first expected."""
    signs = dict(Heartbeat.objects.values_list("name", "at"))
    begun = JobRun.objects.aggregate(at=Min("expected_since"))["at"]
    for queue in QUEUES:
        at = signs.get(queue_heartbeat(queue), begun)
        yield _silent(f"worker of {queue}", at, now, WITHOUT[queue])
    yield _silent("beat", signs.get(BEAT, begun), now, "Nothing is started on schedule.")


def _silent(name: str, at: datetime | None, now: datetime, without: str) -> Figure:
    if at is None:
        return Figure(None, kind=SubjectKind.CONSOLE, name=name)
    silent = max(0.0, (now - at).total_seconds())
    detail = f"No sign of life for {silent:,.0f} s. {without}"
    return Figure(silent, detail, SubjectKind.CONSOLE, name=name)


def _jobs(now: datetime, rule: AlertRule) -> Iterator[Figure]:
    for one in in_trouble(read_jobs(now)):
        detail = f"{one.job.without} {one.run.error if one.run else ''}".strip()
        yield Figure(1.0, detail, SubjectKind.CONSOLE, name=one.label)


OF_CONSOLE = (
    RuleType(
        key="worker_silent",
        label="Worker or scheduler is silent",
        about=SubjectKind.CONSOLE,
        measures="Seconds without a sign of life",
        unit="s",
        of_console=_workers,
    ),
    RuleType(
        key="job_failing",
        label="Background job fails or is late",
        about=SubjectKind.CONSOLE,
        measures="In trouble",
        threshold=False,
        of_console=_jobs,
        absent_is_clear=True,
    ),
)
