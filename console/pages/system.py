"""The state of the console itself: its background jobs, the queues of its workers, and beat."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accessctl.authorize import require
from accessctl.rights import Permission
from console.background.backlog import read_backlogs
from console.background.job_runs import in_trouble, read_jobs
from console.background.queues import QUEUES, WITHOUT
from console.background.signs.alive import BEAT
from console.background.signs.heartbeats import BEAT_LATE, QUEUE_LATE, queue_heartbeat
from console.faces.lists import wants_part
from console.models import Heartbeat
from vhosts.alerts.notifications.alive import read_report


@dataclass(frozen=True, slots=True)
class Process:
    """Beat, or the workers of a queue. `heartbeat` None: no heartbeat yet. `waiting`: messages in
    the queue, None if unknown. `without`: what stops while the process doesn't run."""

    label: str
    queue: str
    heartbeat: Heartbeat | None
    late_after: timedelta
    is_late: bool
    waiting: int | None
    without: str

    @property
    def at(self) -> datetime | None:
        return self.heartbeat.at if self.heartbeat else None


@require_safe
def system(request: HttpRequest) -> HttpResponse:
    """Show the page for people who run the console: those who can add brokers."""
    require(request.user, Permission.BROKERS_ADD)
    now = timezone.now()
    jobs = read_jobs(now)
    context = {
        "now": now,
        "jobs": jobs,
        "troubles": in_trouble(jobs),
        "processes": _processes(now),
        "alive": read_report(),
    }
    template = "console/_system.html" if wants_part(request) else "console/system.html"
    return render(request, template, context)


def _processes(now: datetime) -> list[Process]:
    heartbeats = {one.name: one for one in Heartbeat.objects.all()}
    waiting = read_backlogs()

    def process(label: str, name: str, late_after: timedelta, queue: str, without: str) -> Process:
        found = heartbeats.get(name)
        late = found is None or now - found.at > late_after
        return Process(label, queue, found, late_after, late, waiting.get(queue), without)

    return [
        process("Beat", BEAT, BEAT_LATE, "", "Background jobs aren't started."),
        *(
            process(
                f"Worker for {queue}", queue_heartbeat(queue), QUEUE_LATE, queue, WITHOUT[queue]
            )
            for queue in QUEUES
        ),
    ]
