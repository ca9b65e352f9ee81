"""How Celery sends and runs the console's tasks."""

from __future__ import annotations

from console.background import queues

__all__ = [
    "CELERY_ACCEPT_CONTENT",
    "CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP",
    "CELERY_RESULT_SERIALIZER",
    "CELERY_TASK_DEFAULT_QUEUE",
    "CELERY_TASK_IGNORE_RESULT",
    "CELERY_TASK_ROUTES",
    "CELERY_TASK_SERIALIZER",
    "CELERY_TIMEZONE",
    "CELERY_WORKER_HIJACK_ROOT_LOGGER",
    "CELERY_WORKER_PREFETCH_MULTIPLIER",
]

CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = queues.DEFAULT
CELERY_TASK_ROUTES = {
    "console.engine.tasks.*": {"queue": queues.APPLY},
    "vhosts.tasks.take_backups": {"queue": queues.APPLY},
    "vhosts.tasks.sweep_message_jobs": {"queue": queues.APPLY},
    "vhosts.tasks.run_message_job": {"queue": queues.APPLY},
    "vhosts.tasks.poll_broker": {"queue": queues.POLLING},
    "vhosts.tasks.take_inventory": {"queue": queues.POLLING},
}
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
