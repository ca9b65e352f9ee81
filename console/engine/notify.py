"""Notify a worker that there is something to do. Nothing depends on delivery: console.engine.sweep
finds what a lost notification missed."""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from celery import current_app

from console.background.queues import APPLY

log = structlog.get_logger(__name__)


def ring(broker_ids: Iterable[int]) -> None:
    """Send a task per broker. Never raises: the change is stored whether or not the message can be
    sent."""
    for broker_id in broker_ids:
        try:
            current_app.send_task(
                "console.engine.tasks.apply_changes", [broker_id], queue=APPLY, expires=60
            )
        except Exception as error:
            log.warning("doorbell_not_rung", broker=broker_id, error=type(error).__name__)
