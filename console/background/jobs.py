"""The background jobs: what beat starts, how often, in which queue, and with which steps.

Imports no Django: console.celery builds beat's schedule from this before Django is set up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from console.background.queues import APPLY, DEFAULT, POLLING


@dataclass(frozen=True, slots=True)
class Job:
    """A background job.

    `every_s` None: beat doesn't start it; it runs once per broker, so only its unexpected errors
    are recorded. `expires_s`: the worker drops a message older than this. `without` is one
    sentence: what stops while the job fails. `steps`: name and label of each.
    """

    name: str
    label: str
    task: str
    queue: str
    without: str
    every_s: float | None = None
    expires_s: int = 55
    steps: tuple[tuple[str, str], ...] = ()


JOBS = (
    Job(
        name="dispatch_due_polls",
        label="Hand out due polls",
        task="vhosts.tasks.dispatch_due_polls",
        queue=DEFAULT,
        every_s=1.0,
        expires_s=5,
        without="Brokers aren't polled.",
    ),
    Job(
        name="sweep_changes",
        label="Find changes to apply",
        task="console.engine.tasks.sweep_changes",
        queue=APPLY,
        every_s=5.0,
        expires_s=5,
        without="Changes that wait for a broker aren't retried.",
    ),
    Job(
        name="forget_refused_secrets",
        label="Forget passwords of refused steps",
        task="console.engine.tasks.forget_refused_secrets",
        queue=APPLY,
        every_s=300.0,
        expires_s=300,
        without="Passwords of refused steps are kept longer than a day.",
    ),
    Job(
        name="take_backups",
        label="Back up definitions",
        task="vhosts.tasks.take_backups",
        queue=APPLY,
        every_s=60.0,
        without="Definitions aren't backed up.",
        steps=(
            ("take", "Take the backups that are due"),
            ("drop_old", "Delete old backups and plans"),
        ),
    ),
    Job(
        name="watch_alerts",
        label="Watch alerts",
        task="vhosts.tasks.watch_alerts",
        queue=DEFAULT,
        every_s=5.0,
        expires_s=5,
        without="Alerts about silent brokers and workers don't fire, and nobody is reminded.",
        steps=(
            ("brokers", "Evaluate brokers that aren't polled"),
            ("console", "Evaluate the console itself"),
            ("time", "Write reminders, end snoozes"),
        ),
    ),
    Job(
        name="keep_history",
        label="Keep history",
        task="vhosts.tasks.keep_history",
        queue=DEFAULT,
        every_s=60.0,
        without="History isn't summed up or cleaned up.",
        steps=(
            ("partitions", "Create partitions ahead"),
            ("settle", "Sort what polls wrote"),
            ("rollup_5m", "Sum up 5 minutes"),
            ("rollup_1h", "Sum up hours"),
            ("rollup_rates_5m", "Sum up 5 minutes of rates"),
            ("rollup_rates_1h", "Sum up hours of rates"),
            ("drop_partitions", "Delete old partitions"),
            ("drop_queues", "Delete queues that are long gone"),
            ("drop_nodes", "Delete nodes that are long gone"),
            ("drop_spans", "Delete old polling spans"),
            ("drop_incidents", "Delete old alert incidents"),
            ("request_counts", "Delete old request counts"),
            ("live_rows", "Delete live lists that nobody looks at"),
            ("kept_messages", "Delete messages that somebody has read"),
            ("taps", "Delete what taps left that ended unexpectedly"),
        ),
    ),
    Job(
        name="notify_alerts",
        label="Send messages of alerts",
        task="vhosts.tasks.notify_alerts",
        queue=DEFAULT,
        every_s=3.0,
        expires_s=5,
        without="Nobody gets messages of alerts.",
        steps=(
            ("route", "Write the messages that are due"),
            ("deliver", "Send what is due"),
            ("drop_old", "Give up and delete old messages"),
            ("alive", "Report to the dead-man's switch"),
        ),
    ),
    Job(
        name="sweep_message_jobs",
        label="Find message jobs to run",
        task="vhosts.tasks.sweep_message_jobs",
        queue=APPLY,
        every_s=5.0,
        expires_s=5,
        without="Interrupted moves, copies and deletions of messages don't continue.",
    ),
    Job(
        name="run_message_job",
        label="Move, copy or delete messages",
        task="vhosts.tasks.run_message_job",
        queue=APPLY,
        without="Some moves, copies and deletions of messages don't continue.",
    ),
    Job(
        name="watch_dead_letters",
        label="Watch dead letters",
        task="vhosts.tasks.watch_dead_letters",
        queue=DEFAULT,
        every_s=5.0,
        expires_s=5,
        without="Dead letters aren't sampled by schedule, and replays don't stop when messages come back.",
        steps=(
            ("sample", "Take the samples that are due"),
            ("replays", "Count what comes back of replays"),
        ),
    ),
    Job(
        name="sweep_messages",
        label="Find messages to publish",
        task="vhosts.tasks.sweep_messages",
        queue=APPLY,
        every_s=5.0,
        expires_s=5,
        without="Files of messages that a worker left aren't continued.",
        steps=(
            ("announce", "Continue files of messages"),
            ("settle", "End what stopped processes left"),
        ),
    ),
    Job(
        name="poll_broker",
        label="Poll a broker",
        task="vhosts.tasks.poll_broker",
        queue=POLLING,
        without="Some brokers aren't polled.",
    ),
    Job(
        name="take_inventory",
        label="Take a broker's inventory",
        task="vhosts.tasks.take_inventory",
        queue=POLLING,
        without="The objects of some brokers aren't read.",
    ),
    Job(
        name="evaluate_alerts",
        label="Evaluate a broker's alert rules",
        task="vhosts.tasks.poll_broker",
        queue=POLLING,
        without="Alert rules of some brokers aren't evaluated.",
    ),
    Job(
        name="apply_changes",
        label="Apply changes on a broker",
        task="console.engine.tasks.apply_changes",
        queue=APPLY,
        without="Changes of some brokers aren't applied.",
    ),
    Job(
        name="publish_batch",
        label="Publish messages of a file",
        task="vhosts.tasks.publish_batch",
        queue=APPLY,
        without="Messages of some files aren't published.",
    ),
)
BY_NAME = {job.name: job for job in JOBS}


def step_name(job: str, step: str) -> str:
    return f"{job}.{step}"


def names(job: Job) -> Iterator[tuple[str, str]]:
    """Yield (name, label) of the job, then of its steps."""
    yield job.name, job.label
    for step, label in job.steps:
        yield step_name(job.name, step), label


def beat_schedule() -> dict[str, dict[str, object]]:
    return {
        job.name: {
            "task": job.task,
            "schedule": job.every_s,
            "options": {"expires": job.expires_s, "queue": job.queue},
        }
        for job in JOBS
        if job.every_s is not None
    }
