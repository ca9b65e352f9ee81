"""The dead-man's switch: a request to a URL each minute while polls and alerts run. A service such as
healthchecks then notices when the console itself falls silent. Nothing is sent while they don't run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from console.background.job_runs import in_trouble, read_jobs
from console.brokers.connect import address_policy
from console.models import JobRun
from console.rabbitmq.endpoint import Credentials, Endpoint, Secret, Timeouts
from console.rabbitmq.errors import BrokerError
from console.rabbitmq.http.exchange import BoundedHttp

EVERY: Final = timedelta(seconds=60)
#: Where the last report is recorded, beside the background jobs.
NAME: Final = "alive_report"
#: What must run for the console to count as alive.
_NEEDED = frozenset({"dispatch_due_polls", "notify_alerts", "watch_alerts"})
_TIMEOUTS = Timeouts(connect=5, read=5, total=10)


@dataclass(frozen=True, slots=True)
class Report:
    """The last reports: when one arrived, when one failed and why, "" if the last one arrived."""

    host: str
    arrived_at: datetime | None
    failed_at: datetime | None
    error: str


def report_alive(now: datetime) -> bool:
    """Report if a minute has passed and the jobs run. Return whether a report arrived."""
    if not settings.ALIVE_URL or not _claim(now):
        return False
    troubles = [one for one in in_trouble(read_jobs(now)) if one.job.name in _NEEDED]
    why = f"Not sent, because “{troubles[0].label}” is in trouble." if troubles else _send()
    if why:
        JobRun.objects.filter(name=NAME).update(failed_at=now, error=why, failures=1)
    else:
        JobRun.objects.filter(name=NAME).update(succeeded_at=now, error="", failures=0)
    return not why


def read_report() -> Report | None:
    """Return the state for the System page; None if no URL is set."""
    if not settings.ALIVE_URL:
        return None
    run = JobRun.objects.filter(name=NAME).first()
    host = urlsplit(settings.ALIVE_URL).hostname or ""
    return Report(
        host,
        run.succeeded_at if run else None,
        run.failed_at if run else None,
        run.error if run else "",
    )


def _claim(now: datetime) -> bool:
    """Return whether this worker is the one that reports this time."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO console_jobrun AS run (name, expected_since, started_at, error, failures)"
            " VALUES (%(name)s, %(now)s, %(now)s, '', 0) ON CONFLICT (name) DO UPDATE SET started_at = %(now)s"
            " WHERE run.started_at <= %(before)s RETURNING 1",
            {"name": NAME, "now": now, "before": now - EVERY},
        )
        return cursor.fetchone() is not None


def _send() -> str:
    """Return why the report didn't arrive, "" if it did. The URL is a secret: it isn't named."""
    parts = urlsplit(settings.ALIVE_URL)
    endpoint = Endpoint(
        url=f"{parts.scheme}://{parts.netloc}", credentials=Credentials("", Secret("")), timeouts=_TIMEOUTS,
        policy=address_policy(),
    )  # fmt: skip
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        with BoundedHttp(endpoint) as http:
            answer = http.exchange("GET", path, accept="*/*", authenticated=False)
    except BrokerError as error:
        return str(error)
    return "" if answer.ok else f"The service answered with HTTP {answer.status}."
