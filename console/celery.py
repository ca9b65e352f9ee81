"""The Celery application: beat fires one static entry each second, workers do the rest."""

from __future__ import annotations

import os
from pathlib import Path

from celery import Celery, signals
from kombu.transport import TRANSPORT_ALIASES

from console.memory import few_arenas

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
# Checks belong to deployment (manage.py check): in a worker they would load every page and the API.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

TRANSPORT_ALIASES["filesystem"] = "console.file_queue:Transport"
TRANSPORT_ALIASES["redis"] = TRANSPORT_ALIASES["rediss"] = "console.redis_queue:Transport"

app = Celery("console")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Django must be set up before this is imported, so it is named and not imported.
app.conf.beat_scheduler = "console.beat:BeatScheduler"


@signals.worker_init.connect
def keep_memory_small(**kwargs: object) -> None:
    few_arenas()


@app.on_after_configure.connect
def make_queue_folders(sender: Celery, **kwargs: object) -> None:
    """The filesystem transport does not make its folders itself."""
    for name, folder in sender.conf.broker_transport_options.items():
        if "folder" in name:
            Path(str(folder)).mkdir(mode=0o700, parents=True, exist_ok=True)


app.conf.beat_schedule = {
    "dispatch-due-polls": {
        "task": "vhosts.tasks.dispatch_due_polls",
        "schedule": 1.0,
        "options": {"expires": 5},
    },
    "sweep-changes": {
        "task": "console.tasks.sweep_changes",
        "schedule": 5.0,
        "options": {"expires": 5},
    },
    "take-backups": {
        "task": "vhosts.tasks.take_backups",
        "schedule": 60.0,
        "options": {"expires": 55},
    },
    "keep-history": {
        "task": "vhosts.tasks.keep_history",
        "schedule": 60.0,
        "options": {"expires": 55},
    },
}
