"""Records how each background job went, and says which ones are in trouble.

A record that can't be written never stops the job that it is about.
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
#: For so long an unexpected error of a task that runs once for each broker counts as trouble.
_RECENT = timedelta(minutes=10)

#: As the state badges of pages are named (console/faces/templatetags/_states.py).
State = Literal["working", "no_errors", "not_run", "retrying", "job_failing", "late"]


# Recording


def recorded(name: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Decorates the task of the job `name` of console.background.jobs."""
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
    """Runs the steps of a job in their order, each recorded and each whatever the others do. Raises
    SomeFailed at the end where one failed."""
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
    """For what runs many times a second: a success isn't worth a write."""
    try:
        yield
    except Exception as error:
        _write(_FAILED, {"name": name, "error": error_text(error)})
        raise


def expect_all() -> None:
    """Says that every job of beat's schedule is to run from now on. What is expected already stays so."""
    for job in JOBS:
        if job.every_s is not None:
            for name, _ in names(job):
                _write(_EXPECTED, {"name": name})


# At the database's time. Not worth waiting for the disk: a crash of Postgres loses one record.
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
    """A job or a step of it, judged at one moment. `run` None: nothing is recorded."""

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
    """Every job followed by its steps, in the order of console.background.jobs. One query."""
    runs = {run.name: run for run in JobRun.objects.all()}
    return [
        Shown(job, name, label, runs.get(name), _state(job, runs.get(name), now))
        for job in JOBS
        for name, label in names(job)
    ]


def in_trouble(shown: list[Shown]) -> list[Shown]:
    """Those that fail or are late; of a job whose steps are told, only the steps."""
    bad = [one for one in shown if one.is_trouble]
    told = {one.job.name for one in bad if one.is_step}
    return [one for one in bad if one.is_step or one.job.name not in told]


def _late_after(job: Job) -> timedelta:
    return max(_LATE, timedelta(seconds=_INTERVALS * (job.every_s or 0)))


def _state(job: Job, run: JobRun | None, now: datetime) -> State:
    """A job that beat starts is in trouble when its last success is too long ago, whether it fails,
    hangs or isn't started any more; a single failure isn't trouble yet."""
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
