"""Query queues and virtual hosts in what polling stored. No broker is called."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Count, Q, QuerySet, Sum

from console.faces.lists import ListRequest
from console.models import BrokerStatus
from console.scope import Scope
from vhosts.history import read as history
from vhosts.lists import GONE, STATE_CHOICES, TYPE_CHOICES, choice_of
from vhosts.models import Queue, VirtualHost
from vhosts.queues import arguments as kinds
from vhosts.queues.health.listed import count_conditions
from vhosts.queues.outages import last_known, outage_of

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

    AnyUser = AbstractBaseUser | AnonymousUser

#: Aggregates over a list's queues. `unknown` counts those without a known depth, so that a sum can
#: say what it omits.
QUEUE_TOTALS = {
    "ready": Sum("ready"),
    "unacked": Sum("unacked"),
    "messages": Sum("total"),
    "unknown": Count("pk", filter=Q(total=None)),
    "empty": Count("pk", filter=Q(total=0)),
}


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A queue as a list shows it.

    `outage` says why it is down, or why nodes that are down hide its depth; else "". `last_known`
    is a sentence about its last known depth. `spark` is its total over the last hour, with None
    for unknown values; None if not loaded.
    """

    queue: Queue
    stale: bool
    unknown_reason: str
    outage: str
    last_known: str
    features: list[kinds.Feature]
    spark: list[int | None] | None = None
    #: Why the rates are unknown, if they are; whether they are out of date.
    rates_unknown: str = ""
    rates_stale: bool = False


def queues_in_scope(scope: Scope, user: AnyUser) -> QuerySet[Queue]:
    """Return the queues with their broker and its status, including those that are gone."""
    queues = Queue.objects.visible_to(user).filter(broker__in=scope.brokers(user))
    if scope.broker is not None:
        queues = queues.filter(broker_id=scope.broker.pk)
    if scope.vhost is not None:
        queues = queues.filter(vhost=scope.vhost)
    return queues.select_related("broker__status")


def listed(queues: QuerySet[Queue], asked: ListRequest) -> QuerySet[Queue]:
    """Return the rows of a list: present queues, or those that are gone if that state is
    selected. Noise is left out unless the list is of noise."""
    queues = queues.filter(gone_at__isnull=asked.values.get("state") != GONE)
    return queues if asked.values.get("noise") else queues.filter(noise=False)


def queue_facets(queues: QuerySet[Queue], *, noise: bool = False) -> dict[str, dict[str, int]]:
    """Count the queues of each type, state and condition, of those that are noise or (by default)
    that aren't. Those that are gone count only as gone. `noise` counts the noise that exists. One
    query."""
    keys = ("type", "state", "condition", "noise")
    facets: dict[str, dict[str, int]] = {key: defaultdict(int) for key in keys}
    gone = Count("pk", filter=Q(gone_at__isnull=False))
    counted = queues.order_by().values(*keys).annotate(n=Count("pk"), gone=gone)
    for row in counted:
        there = row["n"] - row["gone"]
        if row["noise"]:
            facets["noise"]["1"] += there
        if row["noise"] is not noise:
            continue
        facets["type"][choice_of(row["type"], TYPE_CHOICES)] += there
        facets["state"][choice_of(row["state"], STATE_CHOICES)] += there
        facets["state"][GONE] += row["gone"]
        facets["condition"][row["condition"]] += there
    facets["condition"] = count_conditions(facets["condition"])
    return {key: dict(counts) for key, counts in facets.items()}


def queue_rows(queues: Iterable[Queue], *, now: datetime, sparks: bool = True) -> list[QueueRow]:
    """Return the rows of one page. The number of queries is constant, whatever the number of
    queues."""
    found = list(queues)
    lines = history.sparklines([queue.pk for queue in found], now=now) if sparks and found else {}
    return [queue_row(queue, now=now, spark=lines.get(queue.pk)) for queue in found]


def queue_row(queue: Queue, *, now: datetime, spark: list[int | None] | None = None) -> QueueRow:
    status = queue.broker.status
    outage, last = outage_of(queue, status), last_known(queue, now)
    return QueueRow(
        queue=queue,
        stale=queue.gone_at is not None or status.is_stale(status.depths_at, now),
        unknown_reason=f"{outage or _why_unknown(queue, status)} {last}".strip(),
        outage=outage,
        last_known=last,
        features=kinds.features(queue),
        spark=spark,
        rates_unknown=_why_no_rates(queue, status),
        rates_stale=status.is_stale(status.rates_at, now),
    )


def _why_no_rates(queue: Queue, status: BrokerStatus) -> str:
    if queue.gone_at is not None:
        return "The broker no longer lists this queue."
    if status.rates_at is None:
        return status.rates_unknown or "No poll has read rates yet."
    return "The next poll shows its rates, unless its name can't be read for sure in the counters."


def _why_unknown(queue: Queue, status: BrokerStatus) -> str:
    """Return why this queue's depth is unknown, if it is."""
    if queue.gone_at is not None:
        return "The broker no longer lists this queue."
    if status.depths_at is None:
        return "No poll of this broker has read depths yet."
    return "The broker didn't report it at the last poll."


def vhost_figures(vhost: VirtualHost) -> dict[str, int | None]:
    """Return the number of queues and the sums of their depths in one virtual host: see
    QUEUE_TOTALS."""
    queues = Queue.objects.present().filter(broker_id=vhost.broker_id, vhost=vhost.name)
    figures = queues.aggregate(queues=Count("pk"), **QUEUE_TOTALS)
    return {**figures, "queues": vhost.broker.status.counted("queues", figures["queues"])}


def vhost_of(queue: Queue) -> VirtualHost | None:
    """Return a queue's virtual host, or None if no inventory has seen it."""
    found = VirtualHost.objects.filter(broker_id=queue.broker_id, name=queue.vhost).first()
    return found if isinstance(found, VirtualHost) else None
