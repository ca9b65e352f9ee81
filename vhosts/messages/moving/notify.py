"""Wake a worker for a job. Only a reminder: beat finds what is due (vhosts.tasks)."""

from __future__ import annotations

import structlog
from celery import current_app

from console.background.queues import APPLY

log = structlog.get_logger(__name__)


def wake(job_id: object) -> None:
    try:
        current_app.send_task(
            "vhosts.tasks.run_message_job", args=(str(job_id),), queue=APPLY, expires=60
        )
    except Exception as error:
        # Whatever is wrong with the task queue: the sweep finds the job.
        log.warning("message_job_not_announced", job=str(job_id), error=type(error).__name__)
