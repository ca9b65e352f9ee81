"""Tasks of the change engine."""

from __future__ import annotations

import os
import socket
import uuid

from celery import shared_task
from django.utils import timezone

from console.changes.apply import apply_broker
from console.changes.doorbell import ring
from console.changes.sweep import brokers_with_due_steps


@shared_task(expires=60, ignore_result=True)
def apply_changes(broker_id: int) -> None:
    owner = f"{socket.gethostname()[:24]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    apply_broker(broker_id, owner=owner, clock=timezone.now)


@shared_task(expires=5, ignore_result=True)
def sweep_changes() -> None:
    ring(brokers_with_due_steps(timezone.now()))
