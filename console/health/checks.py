"""What /readyz checks: each part by name, even without Postgres."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from console.background.backlog import read_backlogs
from console.background.job_runs import in_trouble, read_jobs
from console.background.queues import QUEUES, WITHOUT
from console.background.signs.alive import BEAT
from console.background.signs.heartbeats import BEAT_LATE, QUEUE_LATE, queue_heartbeat
from console.models import BrokerStatus, Heartbeat
from vhosts.history import partitions

_POLLS_LATE = timedelta(seconds=60)
JOBS = "jobs"


@dataclass(frozen=True)
class Check:
    """The result of a check. `age_s`: seconds since the last heartbeat, None if the check has none.
    `backlog`: messages that wait in the queue, None if unknown or not about a queue."""

    ok: bool
    detail: str
    age_s: float | None = None
    backlog: int | None = None


def run_checks(now: datetime) -> dict[str, Check]:
    """Run all checks and return them by name.

    Without Postgres, the database check fails and the others are unknown; nothing is raised.
    """
    checks: dict[str, Check] = {}
    backlogs = read_backlogs()
    for name, check in _CHECKS.items():
        if name != "database" and not checks["database"].ok:
            checks[name] = Check(False, "Unknown because the database doesn't answer.")
            continue
        try:
            checks[name] = check(now)
        except DatabaseError:
            # The driver's message can contain the host and the user.
            checks[name] = Check(False, "The database doesn't answer.")
    for queue, backlog in backlogs.items():
        name = queue_heartbeat(queue)
        checks[name] = replace(checks[name], backlog=backlog)
    return checks


def _database(now: datetime) -> Check:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return Check(True, "Postgres answers.")


def _migrations(now: datetime) -> Check:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        return Check(False, f"{len(missing)} migrations are not applied: run manage.py migrate.")
    return Check(True, "All migrations are applied.")


def _partitions(now: datetime) -> Check:
    missing = partitions.missing(now)
    if missing:
        return Check(
            False,
            f"The history has no partition for tomorrow: {', '.join(missing)}. Run a "
            "worker and beat.",
        )
    return Check(True, "The history has partitions for today and tomorrow.")


def _sign_of(name: str, late: timedelta, remedy: str) -> Callable[[datetime], Check]:
    def check(now: datetime) -> Check:
        heartbeat = Heartbeat.objects.filter(name=name).first()
        if heartbeat is None:
            return Check(False, f"No heartbeat yet. {remedy}")
        age = max(now - heartbeat.at, timedelta())
        seconds = round(age.total_seconds(), 1)
        if age > late:
            return Check(False, f"The last heartbeat is {seconds:g} s old. {remedy}", seconds)
        return Check(True, "Heartbeats arrive.", seconds)

    return check


def _sign_of_queue(queue: str) -> Callable[[datetime], Check]:
    return _sign_of(
        queue_heartbeat(queue),
        QUEUE_LATE,
        f"{WITHOUT[queue]} Run beat and a worker for the queue “{queue}”. If a worker "
        "is running, it is frozen or all its threads are busy.",
    )


def _jobs(now: datetime) -> Check:
    failing = failing_jobs(now)
    if failing:
        return Check(False, f"Failing or late: {', '.join(failing)}. See System in the console.")
    return Check(True, "Background jobs are running.")


def failing_jobs(now: datetime) -> list[str]:
    try:
        return [job.name for job in in_trouble(read_jobs(now))]
    except DatabaseError:
        return []


def _polls(now: datetime) -> Check:
    """Find brokers whose poll is overdue although beat and a worker run: too few worker threads, or
    no worker on the queue `polling`."""
    overdue = BrokerStatus.objects.filter(
        broker__enabled=True,
        next_poll_at__lt=now - _POLLS_LATE,
    )
    late = [status.next_poll_at for status in overdue.only("next_poll_at")]
    if late:
        age = round((now - min(late)).total_seconds(), 1)
        return Check(
            False,
            f"{len(late)} brokers are overdue for a poll. Run a worker for the queue `polling`.",
            age,
        )
    return Check(True, "Polls are on time.")


_CHECKS: dict[str, Callable[[datetime], Check]] = {
    "database": _database,
    "migrations": _migrations,
    "partitions": _partitions,
    "beat": _sign_of(BEAT, BEAT_LATE, "Run celery beat."),
    **{queue_heartbeat(queue): _sign_of_queue(queue) for queue in QUEUES},
    "polls": _polls,
    JOBS: _jobs,
}
