"""Read a live list once for all viewers.

A reading is shared until it is SHARED_FOR old, longer if it took long. Then one process takes the lease of the list and
reads; everybody else gets the last rows with their age meanwhile, or waits if there are none. Trouble
is part of the answer: the last rows stay, with the reason.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from console.brokers.connect import connect
from console.brokers.fresh import REFUSED_FOR, Trouble, why_not_asked
from console.errors import ConsoleError
from console.models import Broker
from console.rabbitmq.endpoint import Timeouts
from console.rabbitmq.errors import BrokerError, LoginRefused, StatsDisabled
from console.rabbitmq.management.live import read_list
from console.rabbitmq.text import printable
from vhosts.live.model import LiveReading
from vhosts.live.rows import MODELS, fields_of, values_of
from vhosts.polling.copying import copy_rows

SHARED_FOR = timedelta(seconds=5)
TROUBLE_SHARED_FOR = timedelta(seconds=10)
#: Rows that are older are no longer shown: by then they mislead.
KEPT_FOR = timedelta(minutes=15)
#: Rows up to this age are good enough while somebody else reads.
GOOD_ENOUGH = timedelta(seconds=60)
DEADLINE = Timeouts(connect=2.0, read=8.0, total=8.0)
_LEASE = timedelta(seconds=20)
_LOOK_AGAIN_S = 0.05
_REST = 10


_ENABLE_STATS = (
    "Remove management_agent.disable_metrics_collector from the broker's configuration to see them."
)


@dataclass(frozen=True, slots=True)
class Read:
    """What is known of a list. `at` None: unknown. `trouble`: why it couldn't be read now; the rows
    are then from `at`. `remark`: why it lacks rows, "" if nothing is known to be missing."""

    broker: Broker
    what: str
    at: datetime | None
    trouble: Trouble | None = None
    rejected: int = 0
    took_ms: int | None = None
    remark: str = ""

    @property
    def is_stale(self) -> bool:
        return self.at is not None and self.trouble is not None


def read_live(broker: Broker, what: str, *, now: datetime) -> Read:
    """Return a recent shared reading of a list (a key of MODELS), or read it from the broker. Its
    rows are in the table of the list. Needs no open transaction."""
    if (refusal := why_not_asked(broker)) is not None:
        return _read(broker, what, _last(broker, what), now, refusal)
    stored = LiveReading.objects.filter(broker=broker, list=what).first()
    last = _of_this(broker, stored)
    if last is None or not _is_recent(last, now):
        lease = _take_lease(broker, what, stored, now)
        if lease is not None:
            last = _read_and_store(broker, what, lease)
        elif last is None or last.read_at is None or now - last.read_at > GOOD_ENOUGH:
            last = _of_somebody_else(broker, what)
    return _read(broker, what, last, now)


def rows_of(read: Read) -> Any:
    """Return the rows of a reading as a queryset with their broker; none if they are unknown."""
    rows = _rows(read.broker.pk, read.what).select_related("broker")
    return rows if read.at is not None else rows.none()


def is_known(broker: Broker, what: str, now: datetime) -> bool:
    """Return whether the stored rows are of this broker and not too old to be shown."""
    last = _last(broker, what)
    return last is not None and last.read_at is not None and now - last.read_at <= KEPT_FOR


def _rows(broker_id: int, what: str) -> Any:
    return MODELS[what].objects.filter(broker_id=broker_id)


def forget_old(now: datetime) -> None:
    """Delete rows that nobody has looked at for a while: they hold addresses of clients."""
    old = LiveReading.objects.filter(read_at__lt=now - KEPT_FOR)
    for reading in old.exclude(leased_until__gt=now):
        with transaction.atomic():
            if old.filter(pk=reading.pk).update(read_at=None):
                _rows(reading.broker_id, reading.list).delete()


def _last(broker: Broker, what: str) -> LiveReading | None:
    return _of_this(broker, LiveReading.objects.filter(broker=broker, list=what).first())


def _of_this(broker: Broker, found: LiveReading | None) -> LiveReading | None:
    """Return the reading unless it is from before an edit: that may have been another broker."""
    return found if found is not None and found.generation == broker.generation else None


def _is_recent(last: LiveReading, now: datetime) -> bool:
    return last.tried_at is not None and now - last.tried_at < _pause(last)


def _pause(last: LiveReading) -> timedelta:
    """Return how long nobody reads again. A list that takes long is read less often, so that the
    broker spends at most a tenth of its time on it."""
    if last.error_code:
        return REFUSED_FOR if last.error_code == LoginRefused.code else TROUBLE_SHARED_FOR
    return max(SHARED_FOR, _REST * timedelta(milliseconds=last.took_ms or 0))


def _take_lease(broker: Broker, what: str, seen: LiveReading | None, now: datetime) -> Any:
    """Return the lease of the list; None if somebody else has it, or has read since `seen`."""
    if seen is None:
        row = LiveReading(broker=broker, list=what, generation=broker.generation)
        LiveReading.objects.bulk_create([row], ignore_conflicts=True)
    lease = uuid4()
    free = Q(leased_until=None) | Q(leased_until__lt=now)
    tried_at = seen.tried_at if seen is not None else None
    rows = LiveReading.objects.filter(free, broker=broker, list=what, tried_at=tried_at)
    return lease if rows.update(lease=lease, leased_until=now + _LEASE) else None


def _read_and_store(broker: Broker, what: str, lease: Any) -> LiveReading | None:
    started = time.monotonic()
    found, trouble = None, None
    try:
        with connect(broker, timeouts=DEADLINE) as client:
            found = read_list(client, what)
    except StatsDisabled as error:
        trouble = Trouble(error.code, error.detail or error.summary, _ENABLE_STATS)
    except BrokerError as error:
        trouble = Trouble(error.code, error.summary, error.detail)
    except ConsoleError as error:
        trouble = Trouble(error.code, error.message)
    # The age counts from the answer, so that a slow broker isn't called more often.
    now = timezone.now()
    done: dict[str, Any] = {"lease": None, "leased_until": None, "tried_at": now}
    mine = LiveReading.objects.filter(broker=broker, list=what, lease=lease)
    if found is None and trouble is not None:
        with transaction.atomic():
            if mine.exclude(generation=broker.generation).update(read_at=None):
                _rows(broker.pk, what).delete()
            mine.update(
                **done, generation=broker.generation, error_code=trouble.code,
                error=trouble.sentence, advice=trouble.advice,
            )  # fmt: skip
        return _last(broker, what)
    if found is not None:
        rows = values_of(what, broker.pk, found.items)
        with transaction.atomic():
            stored = mine.update(
                **done, generation=broker.generation, read_at=now, error_code="", error="", advice="",
                complete=found.complete, rejected=len(found.rejected),
                took_ms=round((time.monotonic() - started) * 1000),
            )  # fmt: skip
            if stored:
                _replace(broker, what, rows)
    return _last(broker, what)


def _replace(broker: Broker, what: str, rows: list[list[Any]]) -> None:
    """Replace the rows of the list. Needs a transaction, in which the reading's row is locked."""
    table = MODELS[what]._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f'DELETE FROM "{table}" WHERE broker_id = %s', [broker.pk])  # noqa: S608
        copy_rows(cursor, table, fields_of(what), rows)


def _of_somebody_else(broker: Broker, what: str) -> LiveReading | None:
    """Wait until the process with the lease has finished, at most until its deadline."""
    until = time.monotonic() + DEADLINE.total
    while time.monotonic() < until:
        time.sleep(_LOOK_AGAIN_S)
        free = Q(lease=None) | Q(leased_until__lt=timezone.now())
        if LiveReading.objects.filter(free, broker=broker, list=what).exists():
            break
    return _last(broker, what)


def _read(
    broker: Broker,
    what: str,
    last: LiveReading | None,
    now: datetime,
    refusal: Trouble | None = None,
) -> Read:
    trouble = refusal
    if trouble is None and last is not None and last.error_code:
        trouble = Trouble(last.error_code, last.error, last.advice)
    at = last.read_at if last is not None else None
    if at is not None and now - at > KEPT_FOR:
        at = None
    # Somebody else reads, or died doing it: rows that are older than that mustn't look current.
    waits = at is None or (
        now - at > GOOD_ENOUGH and last is not None and not _is_recent(last, now)
    )
    if waits and trouble is None:
        trouble = Trouble("timed_out", "Waiting for the broker's reply.", asked=False)
    return Read(
        broker=broker,
        what=what,
        at=at,
        trouble=trouble,
        rejected=last.rejected if last is not None else 0,
        took_ms=last.took_ms if last is not None else None,
        remark=_remark(broker, what, last) if at is not None else "",
    )


def _remark(broker: Broker, what: str, last: LiveReading | None) -> str:
    """Return why the list lacks rows; "" if nothing is known to be missing."""
    if last is None or last.complete:
        return ""
    return (
        f"RabbitMQ lists only the {what} of the console's own user {printable(broker.username, 80)}. Give "
        "it the tag monitoring to see all."
    )
