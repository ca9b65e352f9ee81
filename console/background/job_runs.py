"""Record how each background job went, and report which ones are in trouble.

A record that can't be written never stops its job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial, wraps
from typing import Literal, ParamSpec

import structlog
from django.db import DatabaseError, connection

from console.background.each_alone import each_alone, error_text
from console.background.jobs import BY_NAME, JOBS, Job, names, step_name
from console.models import JobRun

log = structlog.get_logger(__name__)

P = ParamSpec("P")
#: A job is late when its last success is older than this many of its intervals, or than _LATE.
_INTERVALS = 3
_LATE = timedelta(seconds=60)
#: How long an unexpected error of a task that runs per broker counts as trouble.
_RECENT = timedelta(minutes=10)

#: The names of the state badges on pages (console/faces/templatetags/_states.py).
State = Literal["working", "no_errors", "not_run", "retrying", "job_failing", "late"]


# Recording


def recorded(name: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Decorate the task of job `name` of console.background.jobs, so that its runs are recorded."""
    job = BY_NAME[name]
    record = _record if job.every_s is not None else _record_failure

    def decorate(task: Callable[P, None]) -> Callable[P, None]:
        @wraps(task)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            with record(name):
                task(*args, **kwargs)

        return run

    return decorate


def run_steps(name: str, steps: Mapping[str, Callable[[], object]]) -> None:
    """Run the steps of a job in order and record each; one that fails doesn't stop the others.
    Raises SomeFailed at the end if one failed."""
    each_alone((step, partial(_run_step, step_name(name, step), do)) for step, do in steps.items())


def _run_step(name: str, do: Callable[[], object]) -> None:
    with _record(name):
        do()


@contextmanager
def _record(name: str) -> Iterator[None]:
    _write(_STARTED, {"name": name})
    try:
        yield
    except Exception as error:
        _write(_FAILED, {"name": name, "error": error_text(error)})
        raise
    _write(_SUCCEEDED, {"name": name})


@contextmanager
def _record_failure(name: str) -> Iterator[None]:
    """Record only failures, for tasks that run many times a second: a success isn't worth a
    write."""
    try:
        yield
    except Exception as error:
        _write(_FAILED, {"name": name, "error": error_text(error)})
        raise


def expect_all() -> None:
    """Record that every job of beat's schedule is expected from now on. Existing records stay
    unchanged."""
    for job in JOBS:
        if job.every_s is not None:
            for name, _ in names(job):
                _write(_EXPECTED, {"name": name})


# Uses the database's time. It doesn't wait for the disk: a crash of Postgres loses one record.
_EXPECTED = """
    INSERT INTO console_jobrun (name, expected_since, error, failures)
    VALUES (%(name)s, clock_timestamp(), '', 0)
    ON CONFLICT (name) DO NOTHING
"""
_STARTED = """
    WITH quick AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true), clock_timestamp() AS now)
    INSERT INTO console_jobrun (name, expected_since, started_at, error, failures)
    SELECT %(name)s, now, now, '', 0 FROM quick
    ON CONFLICT (name) DO UPDATE SET started_at = excluded.started_at
"""
_SUCCEEDED = """
    WITH quick AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true), clock_timestamp() AS now)
    INSERT INTO console_jobrun (name, expected_since, succeeded_at, error, failures)
    SELECT %(name)s, now, now, '', 0 FROM quick
    ON CONFLICT (name) DO UPDATE SET succeeded_at = excluded.succeeded_at, failures = 0
"""
_FAILED = """
    INSERT INTO console_jobrun AS run (name, expected_since, failed_at, error, failures)
    VALUES (%(name)s, clock_timestamp(), clock_timestamp(), %(error)s, 1)
    ON CONFLICT (name) DO UPDATE SET failed_at = excluded.failed_at, error = excluded.error,
        failures = run.failures + 1
"""


def _write(statement: str, parameters: dict[str, str]) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
    except DatabaseError:
        log.warning("job_run_not_recorded", job=parameters["name"])


# Reading


@dataclass(frozen=True, slots=True)
class Shown:
    """A job or one of its steps, with its state at one time. `run` None: nothing is recorded."""

    job: Job
    name: str
    label: str
    run: JobRun | None
    state: State

    @property
    def is_step(self) -> bool:
        return self.name != self.job.name

    @property
    def succeeded_at(self) -> datetime | None:
        return self.run.succeeded_at if self.run else None

    @property
    def started_at(self) -> datetime | None:
        return self.run.started_at if self.run else None

    @property
    def late_after(self) -> timedelta:
        return _late_after(self.job)

    @property
    def is_trouble(self) -> bool:
        return self.state in ("job_failing", "late")


def read_jobs(now: datetime) -> list[Shown]:
    """Return every job followed by its steps, in the order of console.background.jobs. One
    query."""
    runs = {run.name: run for run in JobRun.objects.all()}
    return [
        Shown(job, name, label, runs.get(name), _state(job, runs.get(name), now))
        for job in JOBS
        for name, label in names(job)
    ]


def in_trouble(shown: list[Shown]) -> list[Shown]:
    """Return those that fail or are late; if a job's steps are among them, the steps without the
    job."""
    bad = [one for one in shown if one.is_trouble]
    told = {one.job.name for one in bad if one.is_step}
    return [one for one in bad if one.is_step or one.job.name not in told]


def _late_after(job: Job) -> timedelta:
    return max(_LATE, timedelta(seconds=_INTERVALS * (job.every_s or 0)))


def _state(job: Job, run: JobRun | None, now: datetime) -> State:
    """Return the state of a job. A job that beat starts is in trouble if its last success is too
    long ago, whether it fails, hangs or isn't started any more. A single failure isn't trouble yet.
    """
    if job.every_s is None:
        recent = run is not None and run.failed_at is not None and now - run.failed_at < _RECENT
        return "job_failing" if recent else "no_errors"
    if run is None:
        return "not_run"
    if now - (run.succeeded_at or run.expected_since) > _late_after(job):
        return "job_failing" if run.failures else "late"
    if run.failures:
        return "retrying"
    return "working" if run.succeeded_at else "not_run"
