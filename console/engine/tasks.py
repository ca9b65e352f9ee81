"""Celery tasks of the change engine, and the task that shows that a queue's worker works."""

from __future__ import annotations

import os
import socket
import uuid

from celery import shared_task
from django.utils import timezone

from console.background.job_runs import recorded
from console.background.signs.heartbeats import queue_heartbeat, write_heartbeat
from console.brokers.connect import unless_forgotten
from console.engine.applying.apply import apply_broker
from console.engine.notify import ring
from console.engine.proposals.retry import forget_secrets
from console.engine.sweep import brokers_with_due_steps


@shared_task(expires=60, ignore_result=True)
@recorded("apply_changes")
def apply_changes(broker_id: int) -> None:
    owner = f"{socket.gethostname()[:24]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    with unless_forgotten(broker_id):
        apply_broker(broker_id, owner=owner, clock=timezone.now)


@shared_task(expires=300, ignore_result=True)
@recorded("forget_refused_secrets")
def forget_refused_secrets() -> None:
    """Runs every five minutes, by beat."""
    forget_secrets(timezone.now())


@shared_task(expires=5, ignore_result=True)
@recorded("sweep_changes")
def sweep_changes() -> None:
    ring(brokers_with_due_steps(timezone.now()))


@shared_task(ignore_result=True)
def sign_of_life(queue: str) -> None:
    """Show that a queue is served. Beat sends this into each queue every few seconds. That it
    arrives shows that the message queue, a worker on that queue, one of its free threads and
    Postgres all work.
    """
    write_heartbeat(queue_heartbeat(queue))
