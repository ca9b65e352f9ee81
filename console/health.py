"""/livez, /readyz and /metrics: for orchestrators and monitoring, right also while Postgres is away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, URLResolver, path
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from accessctl.rest.authentication import ApiTokenAuthentication
from console.background.alive import BEAT
from console.background.backlog import read_backlogs
from console.background.heartbeats import BEAT_LATE, QUEUE_LATE, queue_heartbeat
from console.background.job_runs import in_trouble, read_jobs
from console.background.queues import QUEUES, WITHOUT
from console.faces.pages.outage import is_outage
from console.health_metrics import JobsCollector
from console.models import BrokerStatus, Heartbeat
from console.models.brokers import SHOWN_STATES
from vhosts.history import partitions

_POLLS_LATE = timedelta(seconds=60)
_JOBS = "jobs"


@dataclass(frozen=True)
class Check:
    """`age_s`: seconds since the last sign of life, None where there is none to have. `backlog`:
    messages that wait in the queue, None where unknown or not about a queue."""

    ok: bool
    detail: str
    age_s: float | None = None
    backlog: int | None = None


class AnyHostMiddleware:
    """Health and metrics answer whatever host is named: a kubelet and Prometheus ask by the address of the pod,
    which no setting can list. What they answer holds no link, and who may ask is checked as ever."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info in ("/livez", "/readyz", "/metrics"):
            request.META["HTTP_HOST"] = urlsplit(settings.CONSOLE_URL).netloc
        return self.get_response(request)


@login_not_required
def livez(request: HttpRequest) -> HttpResponse:
    """The process answers. Says nothing of what it depends on: restarting would not mend that."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@login_not_required
def readyz(request: HttpRequest) -> HttpResponse:
    """200 where everything the console needs is there, else 503; each part named. A background job
    that fails is no reason for 503: the console serves people without it. It is named in `degraded`."""
    now = timezone.now()
    checks = run_checks(now)
    ok = all(check.ok for name, check in checks.items() if name != _JOBS)
    return JsonResponse(
        {
            "ok": ok,
            "degraded": _failing_jobs(now) if checks["database"].ok else [],
            "checks": {name: asdict(check) for name, check in checks.items()},
        },
        status=200 if ok else 503,
    )


def run_checks(now: datetime) -> dict[str, Check]:
    """Every check by name. Where Postgres is away, that is said of the database, and the others are
    unknown; nothing is raised."""
    checks: dict[str, Check] = {}
    backlogs = read_backlogs()
    for name, check in _CHECKS.items():
        if name != "database" and not checks["database"].ok:
            checks[name] = Check(False, "Unknown because the database doesn't answer.")
            continue
        try:
            checks[name] = check(now)
        except DatabaseError:
            # The driver's own words may name the host and the user.
            checks[name] = Check(False, "The database doesn't answer.")
    for queue, backlog in backlogs.items():
        name = queue_heartbeat(queue)
        checks[name] = replace(checks[name], backlog=backlog)
    return checks


def _database(now: datetime) -> Check:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return Check(True, "Postgres answers.")


def _migrations(now: datetime) -> Check:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        return Check(False, f"{len(missing)} migrations are not applied: run manage.py migrate.")
    return Check(True, "All migrations are applied.")


def _partitions(now: datetime) -> Check:
    missing = partitions.missing(now)
    if missing:
        return Check(
            False,
            f"The history has no partition for tomorrow: {', '.join(missing)}. Run a "
            "worker and beat.",
        )
    return Check(True, "The history has partitions for today and tomorrow.")


def _sign_of(name: str, late: timedelta, remedy: str) -> Callable[[datetime], Check]:
    def check(now: datetime) -> Check:
        heartbeat = Heartbeat.objects.filter(name=name).first()
        if heartbeat is None:
            return Check(False, f"No heartbeat yet. {remedy}")
        age = max(now - heartbeat.at, timedelta())
        seconds = round(age.total_seconds(), 1)
        if age > late:
            return Check(False, f"The last heartbeat is {seconds:g} s old. {remedy}", seconds)
        return Check(True, "Heartbeats arrive.", seconds)

    return check


def _sign_of_queue(queue: str) -> Callable[[datetime], Check]:
    return _sign_of(
        queue_heartbeat(queue),
        QUEUE_LATE,
        f"{WITHOUT[queue]} Run beat and a worker for the queue “{queue}”. If a worker "
        "is running, it is frozen or all its threads are busy.",
    )


def _jobs(now: datetime) -> Check:
    failing = _failing_jobs(now)
    if failing:
        return Check(False, f"Failing or late: {', '.join(failing)}. See System in the console.")
    return Check(True, "Background jobs are running.")


def _failing_jobs(now: datetime) -> list[str]:
    try:
        return [job.name for job in in_trouble(read_jobs(now))]
    except DatabaseError:
        return []


def _polls(now: datetime) -> Check:
    """Brokers past their time although beat and a worker live: too few worker threads, or no worker
    on the queue `polling`."""
    overdue = BrokerStatus.objects.filter(
        broker__enabled=True,
        next_poll_at__lt=now - _POLLS_LATE,
    )
    late = [status.next_poll_at for status in overdue.only("next_poll_at")]
    if late:
        age = round((now - min(late)).total_seconds(), 1)
        return Check(
            False,
            f"{len(late)} brokers are overdue for a poll. Run a worker for the queue `polling`.",
            age,
        )
    return Check(True, "Polls are on time.")


_CHECKS: dict[str, Callable[[datetime], Check]] = {
    "database": _database,
    "migrations": _migrations,
    "partitions": _partitions,
    "beat": _sign_of(BEAT, BEAT_LATE, "Run celery beat."),
    **{queue_heartbeat(queue): _sign_of_queue(queue) for queue in QUEUES},
    "polls": _polls,
    _JOBS: _jobs,
}


class FleetCollector(Collector):
    """The fleet as Postgres knows it. Reads no broker and keeps no state, so any number of web
    processes give the same answer."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily(
            "warren_build", "The running version.", {"version": settings.VERSION}
        )
        yield from self._brokers()

    def _brokers(self) -> Iterator[Metric]:
        statuses = list(BrokerStatus.objects.select_related("broker").order_by("broker__name"))
        took = _last_polls()
        states = GaugeMetricFamily(
            "warren_broker_state",
            "1 for the broker's current state.",
            labels=["broker", "environment", "state"],
        )
        for status in statuses:
            shown = status.shown_state(self._now)
            for state in SHOWN_STATES:
                labels = [status.broker.name, status.broker.environment, state]
                states.add_metric(labels, float(shown == state))
        yield states
        for name, help_text, read in self._figures(took):
            family = GaugeMetricFamily(name, help_text, labels=["broker"])
            for status in statuses:
                value = read(status)
                if value is not None:  # what is not known has no sample, never a zero
                    family.add_metric([status.broker.name], float(value))
            yield family

    def _figures(
        self, took: dict[int, int]
    ) -> list[tuple[str, str, Callable[[BrokerStatus], float | None]]]:
        return [
            (
                "warren_broker_answer_age_seconds",
                "Seconds since the broker last answered.",
                lambda status: self._age(status.answered_at),
            ),
            (
                "warren_broker_depths_age_seconds",
                "Seconds since the depths of its queues were last read.",
                lambda status: self._age(status.depths_at),
            ),
            (
                "warren_broker_poll_seconds",
                "How long the last poll took.",
                lambda status: took[status.pk] / 1000 if status.pk in took else None,
            ),
            ("warren_broker_failures", "Consecutive failed polls.", lambda status: status.failures),
            ("warren_broker_queues", "Number of queues.", lambda status: status.queues),
            (
                "warren_broker_queues_without_depth",
                "Queues with unknown depth, left out of the message sums.",
                lambda status: status.queues_without_depth,
            ),
            (
                "warren_broker_messages_ready",
                "Ready messages in all its queues.",
                lambda status: status.messages_ready,
            ),
            (
                "warren_broker_messages_unacked",
                "Unacknowledged messages in all its queues.",
                lambda status: status.messages_unacked,
            ),
            (
                "warren_broker_nodes",
                "Nodes that belong to the cluster.",
                lambda status: len(status.nodes) or None,
            ),
            (
                "warren_broker_nodes_running",
                "Nodes that run.",
                lambda status: status.running_nodes(),
            ),
            ("warren_broker_connections", "Connections.", lambda status: status.connections),
            (
                "warren_broker_alarms",
                "Number of alarms in effect.",
                lambda status: None if status.alarms is None else len(status.alarms),
            ),
        ]

    def _age(self, at: datetime | None) -> float | None:
        return None if at is None else max((self._now - at).total_seconds(), 0)


def _last_polls() -> dict[int, int]:
    """Milliseconds by broker."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.broker_id, p.took_ms FROM console_brokerstatus s CROSS JOIN LATERAL ("
            " SELECT took_ms FROM vhosts_poll p WHERE p.broker_id = s.broker_id"
            " ORDER BY slot_at DESC LIMIT 1) p"
        )
        return dict(cursor.fetchall())


@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus. Names brokers, so it takes a superuser's API token (or session), unless
    CONSOLE_METRICS_OPEN leaves that to the network."""
    try:
        if not settings.METRICS_OPEN and not _is_superuser(request):
            refusal = _plain("A superuser's API token is needed.\n", 401)
            refusal["WWW-Authenticate"] = "Bearer"
            return refusal
        figures = _figures()
    except DatabaseError as error:
        if not is_outage(error):
            raise
        return _plain("The figures are not known: /readyz says why.\n", 503)
    return HttpResponse(figures, content_type="text/plain; version=0.0.4; charset=utf-8")


def _figures() -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    now = timezone.now()
    registry.register(FleetCollector(now))
    registry.register(JobsCollector(now))
    return generate_latest(registry)


def _plain(text: str, status: int) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")


def _is_superuser(request: HttpRequest) -> bool:
    user: Any = request.user
    if "Authorization" in request.headers:
        try:
            found = ApiTokenAuthentication().authenticate(Request(request))
        except APIException:
            return False
        user = found[0] if found else None
    return bool(user is not None and user.is_active and user.is_superuser)


urlpatterns: list[URLPattern | URLResolver] = [
    path("livez", livez, name="livez"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
