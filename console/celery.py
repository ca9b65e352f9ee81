"""The Celery application: beat starts the static entries of console.background.jobs, workers do the
rest."""

from __future__ import annotations

import os
from pathlib import Path

from celery import Celery, signals
from kombu.transport import TRANSPORT_ALIASES

from console.background.jobs import beat_schedule

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
# Checks belong to deployment (manage.py check). In a worker, they would load every page and the
# API.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

TRANSPORT_ALIASES["filesystem"] = "console.background.transports.file_queue:Transport"
TRANSPORT_ALIASES["redis"] = TRANSPORT_ALIASES["rediss"] = (
    "console.background.transports.redis_queue:Transport"
)

app = Celery("console")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["console.engine", "vhosts"])
# Django must be set up before this is imported, so it is given by name.
app.conf.beat_scheduler = "console.background.beat:BeatScheduler"
app.steps["consumer"].add("console.background.signs.worker_signs:SignsOfLife")


@signals.celeryd_init.connect
@signals.setup_logging.connect
def log_as_json(**kwargs: object) -> None:
    """Replace Celery's own logging set-up, which writes some lines as text. A worker warns about
    its account even before that."""
    # Imported here because it reads the settings, which must not happen before Celery does.
    from console.settings.process_logs import log_everything_as_json

    log_everything_as_json()


@signals.worker_shutting_down.connect
def end_changes_early(**kwargs: object) -> None:
    from console.engine.stopping import stop_soon

    stop_soon()


@app.on_after_configure.connect
def make_queue_folders(sender: Celery, **kwargs: object) -> None:
    """Create the folders of the filesystem transport, which doesn't create them itself."""
    for name, folder in sender.conf.broker_transport_options.items():
        if "folder" in name:
            Path(str(folder)).mkdir(mode=0o700, parents=True, exist_ok=True)


app.conf.beat_schedule = beat_schedule()
