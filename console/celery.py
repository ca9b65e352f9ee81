"""The Celery application: beat fires the static entries of console.background.jobs, workers do the rest."""

from __future__ import annotations

import os
from pathlib import Path

from celery import Celery, signals
from kombu.transport import TRANSPORT_ALIASES

from console.background.jobs import beat_schedule

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
# Checks belong to deployment (manage.py check): in a worker they would load every page and the API.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

TRANSPORT_ALIASES["filesystem"] = "console.background.transports.file_queue:Transport"
TRANSPORT_ALIASES["redis"] = TRANSPORT_ALIASES["rediss"] = (
    "console.background.transports.redis_queue:Transport"
)

app = Celery("console")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["console.engine", "vhosts"])
# Django must be set up before this is imported, so it is named and not imported.
app.conf.beat_scheduler = "console.background.beat:BeatScheduler"
app.steps["consumer"].add("console.background.signs.worker_signs:SignsOfLife")


@signals.celeryd_init.connect
@signals.setup_logging.connect
def log_as_json(**kwargs: object) -> None:
    """In place of Celery's own set-up of logging, which writes some lines as text. A worker warns of
    its account even before that."""
    # Reads the settings, so not before Celery does.
    from console.settings.process_logs import log_everything_as_json

    log_everything_as_json()


@signals.worker_shutting_down.connect
def end_changes_early(**kwargs: object) -> None:
    from console.engine.stopping import stop_soon

    stop_soon()


@app.on_after_configure.connect
def make_queue_folders(sender: Celery, **kwargs: object) -> None:
    """The filesystem transport does not make its folders itself."""
    for name, folder in sender.conf.broker_transport_options.items():
        if "folder" in name:
            Path(str(folder)).mkdir(mode=0o700, parents=True, exist_ok=True)


app.conf.beat_schedule = beat_schedule()
