"""Tasks that beat and workers run. They read the clock and pass it on; their arguments are only
IDs.

The threads pool is safe here: Celery's Django fixup closes the thread's database connections after
each task (celery/fixups/django.py, on_task_postrun), so none is shared or left open.
"""

from __future__ import annotations

import os
import socket
import uuid
from functools import partial
from uuid import UUID

from celery import shared_task

from console.background.job_runs import recorded, run_steps
from console.brokers.connect import unless_forgotten
from console.faces.rest.request_counts import forget_old_counts
from vhosts.alerts.evaluate import alone as alerts
from vhosts.alerts.evaluate import watch
from vhosts.alerts.notifications import alive, deliver, old, route
from vhosts.alerts.retention import drop_old_incidents
from vhosts.definitions import backups
from vhosts.history import partitions, retention, rollups, settle
from vhosts.live import reading as live
from vhosts.messages.dead_letters.replay.watch import watch_replays
from vhosts.messages.dead_letters.sampling.scheduled import sample_due
from vhosts.messages.listening.viewers import forget_taps
from vhosts.messages.moving import notify as moves
from vhosts.messages.moving.running.progress import due_jobs
from vhosts.messages.moving.running.run import run_job
from vhosts.messages.peeking.kept import forget_expired
from vhosts.messages.publishing.batches import run as batches
from vhosts.polling import dispatch, run
from vhosts.polling.inventory import take as inventory


@shared_task(ignore_result=True)
@recorded("dispatch_due_polls")
def dispatch_due_polls() -> None:
    """Claim what is due and send it to workers. Beat runs this each second. A worker drops a
    message that waited too long; its claim expires and the broker is due again."""
    now = dispatch.database_now()
    for due in dispatch.claim_due_polls(now):
        poll_broker.apply_async((due.broker_id, due.claim), expires=dispatch.EXPIRES_S)
    for due in dispatch.claim_due_inventories(now):
        take_inventory.apply_async((due.broker_id, due.claim), expires=dispatch.EXPIRES_S)


@shared_task(ignore_result=True)
@recorded("poll_broker")
def poll_broker(broker_id: int, claim: int) -> None:
    with unless_forgotten(broker_id):
        if run.poll(broker_id, claim, dispatch.database_now()):
            alerts.after_poll(broker_id)


@shared_task(ignore_result=True)
@recorded("take_inventory")
def take_inventory(broker_id: int, claim: int) -> None:
    with unless_forgotten(broker_id):
        if inventory.take(broker_id, claim, dispatch.database_now()):
            alerts.after_inventory(broker_id)


@shared_task(ignore_result=True)
@recorded("watch_alerts")
def watch_alerts() -> None:
    """Evaluate alert rules that no poll evaluates, and write reminders that are due. Beat runs this
    every 5 seconds. Safe to run twice or in parallel."""
    now = dispatch.database_now()
    run_steps(
        "watch_alerts",
        {
            "brokers": partial(watch.evaluate_overdue, now),
            "console": partial(watch.evaluate_console, now),
            "time": partial(watch.end_by_time, now),
        },
    )


@shared_task(ignore_result=True)
@recorded("keep_history")
def keep_history() -> None:
    """Maintain the history. Beat runs this each minute. Safe to run twice or in parallel. A step
    that fails stops no other: history that can't be summed up is still cleaned up."""
    now = dispatch.database_now()
    run_steps(
        "keep_history",
        {
            "partitions": partial(partitions.make_ahead, now),
            "settle": partial(settle.settle, now),
            **{
                f"rollup_{one.name}": partial(rollups.fill_one, one, now) for one in rollups.ROLLUPS
            },
            "drop_partitions": partial(partitions.drop_old, now),
            "drop_queues": partial(retention.drop_queues, now),
            "drop_nodes": partial(retention.drop_nodes, now),
            "drop_spans": partial(retention.drop_spans, now),
            "drop_incidents": partial(drop_old_incidents, now),
            "request_counts": partial(forget_old_counts, now.timestamp()),
            "live_rows": partial(live.forget_old, now),
            "kept_messages": partial(forget_expired, now),
            "taps": partial(forget_taps, now),
        },
    )


@shared_task(ignore_result=True)
@recorded("notify_alerts")
def notify_alerts() -> None:
    """Write and send messages of alerts. Beat runs this every few seconds. Safe to run in parallel."""
    now = dispatch.database_now()
    run_steps(
        "notify_alerts",
        {
            "route": partial(route.route_events, now),
            "deliver": deliver.deliver_due,
            "drop_old": partial(old.drop_old, now),
            "alive": partial(alive.report_alive, now),
        },
    )


@shared_task(ignore_result=True)
@recorded("watch_dead_letters")
def watch_dead_letters() -> None:
    """Take samples that are due, and watch replays. Beat runs this every 5 seconds. Safe to run in
    parallel."""
    now = dispatch.database_now()
    run_steps(
        "watch_dead_letters",
        {"sample": partial(sample_due, now), "replays": partial(watch_replays, now)},
    )


@shared_task(ignore_result=True)
@recorded("publish_batch")
def publish_batch(batch_id: str) -> None:
    """Send the lines of a file of messages that weren't sent yet. Safe to run twice or in parallel."""
    batches.send_batch(UUID(batch_id))


@shared_task(ignore_result=True)
@recorded("sweep_messages")
def sweep_messages() -> None:
    """Find files of messages that no worker sends. Beat runs this every 5 seconds."""
    now = dispatch.database_now()
    run_steps(
        "sweep_messages",
        {
            "announce": partial(batches.announce_due, now),
            "settle": partial(batches.settle_old, now),
        },
    )


@shared_task(ignore_result=True)
@recorded("take_backups")
def take_backups() -> None:
    """Back up the brokers that are due. Beat runs this each minute. Safe to run in parallel."""
    now = dispatch.database_now()
    run_steps(
        "take_backups",
        {
            "take": partial(backups.take_due_backups, now),
            "drop_old": partial(backups.drop_old, now),
        },
    )


@shared_task(ignore_result=True)
@recorded("sweep_message_jobs")
def sweep_message_jobs() -> None:
    """Find jobs of messages that wait for a worker, or whose worker was lost. Beat runs this every
    5 seconds."""
    for job_id in due_jobs():
        moves.wake(job_id)


@shared_task(ignore_result=True)
@recorded("run_message_job")
def run_message_job(job_id: str) -> None:
    run_job(job_id, f"{socket.gethostname()[:24]}:{os.getpid()}:{uuid.uuid4().hex[:8]}")
