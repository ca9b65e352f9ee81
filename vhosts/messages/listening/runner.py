"""Run a tap in a thread of the process whose viewer came first, while anybody listens.

The row of the tap holds a lease, so it runs once for all processes. A process that dies takes its
connection with it, and with that the queue; the next request of a viewer starts the tap anew.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog
from django.db import Error, connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from console.brokers.amqp import amqp_endpoint
from console.brokers.connect import endpoint_of
from console.brokers.fresh import REFUSED_FOR, why_not_asked
from console.errors import ConsoleError
from console.models import Broker
from console.rabbitmq.amqp.reading import tap as tap_amqp
from console.rabbitmq.amqp.reading.tap import Bounds, Slice, tapped
from console.rabbitmq.amqp.work import Job, Worker, working
from console.rabbitmq.endpoint import AmqpEndpoint, Timeouts
from console.rabbitmq.errors import BrokerError, LoginRefused
from console.rabbitmq.types import Listener
from vhosts.messages.listening.buffer import sealed, trim
from vhosts.messages.listening.model import Tap, TapSlice, TapViewer
from vhosts.messages.listening.sources import sources_of
from vhosts.messages.listening.targets import Target

log = structlog.get_logger(__name__)

SLICE_S = 0.5
#: Kept of each slice: 100 messages and 1 MB a second, and 32 kB of each body.
BOUNDS = Bounds(messages=50, bytes=500_000, body_bytes=32_000)
#: A viewer that wasn't heard of for this long has left.
LEFT_AFTER = timedelta(seconds=6)
#: How long one viewer listens at most.
LISTENS_FOR = timedelta(minutes=30)
_LEASE = timedelta(seconds=6)
_RENEW_S = 1.0
#: How long a tap that failed isn't tried again.
_REST = timedelta(seconds=5)
_TIMEOUTS = Timeouts(connect=3.0, read=8.0, total=8.0)
#: A connection ends then at the latest; whoever still listens gets a new one.
_LONGEST_S = 3600.0


def present(now: datetime) -> Q:
    """Return the condition for viewers that still listen."""
    return Q(seen_at__gte=now - LEFT_AFTER, joined_at__gte=now - LISTENS_FOR)


def ensure_running(tap: Tap, now: datetime) -> None:
    """Start the tap in this process unless one runs it, or it has just failed."""
    free = Q(leased_until=None) | Q(leased_until__lt=now)
    lease = uuid4()
    if Tap.objects.filter(free, pk=tap.pk).update(lease=lease, leased_until=now + _LEASE):
        name = f"tap-{tap.pk}"
        threading.Thread(target=_run, args=(tap.pk, lease), name=name, daemon=True).start()


def _run(tap_id: int, lease: UUID) -> None:
    try:
        tap = Tap.objects.select_related("broker__status").filter(pk=tap_id, lease=lease).first()
        if tap is not None:
            _listen(tap, lease)
    except Error:
        # Without Postgres nobody can be shown anything: the lease runs out, the next viewer retries.
        log.warning("tap_lost_postgres", tap=tap_id)
    finally:
        connection.close()


def _listen(tap: Tap, lease: UUID) -> None:
    now = timezone.now()
    try:
        if (refusal := why_not_asked(tap.broker)) is not None:
            _fail(tap, lease, now, refusal.code, refusal.sentence, refusal.advice)
            return
        target = Target.stored(tap.target)
        with _running(tap.broker, target) as (running, remarks):
            if _began(tap, lease, remarks):
                while _keep(tap, lease, running.read(SLICE_S)):
                    pass
    except LoginRefused as error:
        _fail(tap, lease, timezone.now() + REFUSED_FOR, error.code, error.summary, error.detail)
    except BrokerError as error:
        _fail(tap, lease, timezone.now(), error.code, error.summary, error.detail)
    except ConsoleError as error:
        _fail(tap, lease, timezone.now(), error.code, error.message, "")


@contextlib.contextmanager
def _running(broker: Broker, target: Target) -> Iterator[tuple[tap_amqp.Tap | Worker, list[str]]]:
    """Return what listens, and what it can't hear. Raises BrokerError, ConsoleError."""
    endpoint = endpoint_for(broker, target.vhost)
    if target.kind == "worker":
        job = Job(target.name, target.prefetch, target.work_s, target.replies)
        with working(endpoint, job, BOUNDS, at_most_s=_LONGEST_S) as worker:
            yield worker, []
        return
    sources = sources_of(broker, target)
    with tapped(endpoint, sources.bindings, BOUNDS, at_most_s=_LONGEST_S) as tap:
        yield tap, sources.remarks


def endpoint_for(broker: Broker, vhost: str) -> AmqpEndpoint:
    """Return where the broker is reached over AMQP in a virtual host. Raises NotFound,
    ConsoleError."""
    listeners = [Listener(**one) for one in broker.status.listeners]
    management = endpoint_of(broker, timeouts=_TIMEOUTS)
    found = amqp_endpoint(broker.amqp_url, management, listeners, _TIMEOUTS)
    return AmqpEndpoint(
        scheme=found.scheme,
        host=found.host,
        port=found.port,
        credentials=found.credentials,
        vhost=vhost,
        tls=found.tls,
        timeouts=found.timeouts,
        policy=found.policy,
    )


#: When this thread last renewed its lease.
_pace = threading.local()


def _began(tap: Tap, lease: UUID, remarks: list[str]) -> bool:
    _pace.at = time.monotonic()
    now = timezone.now()
    again = 1 if tap.listening_since is not None else 0
    return bool(
        _mine(tap, lease).update(
            listening_since=now,
            leased_until=now + _LEASE,
            interruptions=F("interruptions") + again,
            remarks=remarks,
            error_code="",
            error="",
            advice="",
        )
    )


def _keep(tap: Tap, lease: UUID, got: Slice) -> bool:
    """Store a slice; return whether to go on: the lease holds and somebody listens."""
    due = time.monotonic() - _pace.at >= _RENEW_S
    if not (due or got.tapped or got.skipped):
        return True
    now = timezone.now()
    if due:
        _pace.at = time.monotonic()
        viewers = TapViewer.objects.filter(present(now), tap_id=tap.pk)
        if not viewers.exists():
            return not end_if_left(tap.pk, now)
        trim(tap.pk)
    kept = len(got.tapped)
    with transaction.atomic():
        columns = {"leased_until": now + _LEASE, "seq": F("seq") + kept}
        if not _mine(tap, lease).update(**columns):
            return False
        if (kept or got.skipped) and _is_watched(tap.pk, now):
            text = sealed(got.tapped)
            TapSlice.objects.create(
                tap_id=tap.pk,
                seq=Tap.objects.values_list("seq", flat=True).get(pk=tap.pk),
                at=now,
                seconds=SLICE_S,
                kept=kept,
                skipped=got.skipped,
                at_least=got.at_least,
                bytes=len(text),
                sealed=text,
            )
    return True


def _is_watched(tap_id: int, now: datetime) -> bool:
    """Return whether anybody listens who hasn't paused. If not, the messages kept so far stay."""
    return TapViewer.objects.filter(present(now), tap_id=tap_id, paused=False).exists()


def _mine(tap: Tap, lease: UUID) -> QuerySet[Tap]:
    """The row while the lease is held and the broker is the one that it was."""
    same = Broker.objects.filter(pk=tap.broker_id, generation=tap.broker.generation, enabled=True)
    return Tap.objects.filter(pk=tap.pk, lease=lease, broker__in=same)


def end_if_left(tap_id: int, now: datetime) -> bool:
    """Delete the tap with what it kept if nobody listens any more; return whether it did."""
    with transaction.atomic():
        # A viewer who joins now waits for this lock, and then begins with a tap of their own.
        tap = Tap.objects.select_for_update().filter(pk=tap_id).first()
        if tap is None:
            return True
        if TapViewer.objects.filter(present(now), tap_id=tap_id).exists():
            return False
        tap.delete()
    return True


def _fail(tap: Tap, lease: UUID, now: datetime, code: str, error: str, advice: str) -> None:
    Tap.objects.filter(pk=tap.pk, lease=lease).update(
        leased_until=now + _REST, error_code=code, error=error, advice=advice
    )
