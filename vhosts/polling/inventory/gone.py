"""What goes with a virtual host or a user, out of the mirror at once when a change read back that it is
gone: the permissions, queues and exchanges, and what they counted for in the broker's totals."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Count, F, Q, Sum

from accessctl.models import BrokerPermission, BrokerTopicPermission
from accessctl.users.model import SeenOnBroker
from console.kinds.common.kind import Key
from console.models import Broker, BrokerStatus, ManagedObject
from vhosts.models import Exchange, Queue
from vhosts.polling.inventory.mirror import Kind
from vhosts.polling.store import KEEP_LAST

_PERMISSIONS: Sequence[type[SeenOnBroker]] = (BrokerPermission, BrokerTopicPermission)


def drop_what_hung_on(broker_id: int, kind: str, gone: Sequence[Key], now: datetime) -> None:
    """Within a transaction that holds the broker's status. `kind` is vhost, user, queue or exchange."""
    if kind in ("vhost", "user"):
        names = [key[0] for key in gone]
        for model in _PERMISSIONS:
            model.objects.filter(**{"broker": broker_id, f"{kind}__in": names}).delete()
    if kind == "vhost":
        inside = Q(vhost__in=names)
        _drop_queues(broker_id, inside, now)
        _drop_exchanges(broker_id, inside)
    elif kind in ("queue", "exchange"):
        named = Q()
        for vhost, name in gone:
            named |= Q(vhost=vhost, name=name)
        if kind == "queue":
            _drop_queues(broker_id, named, now)
        else:
            _drop_exchanges(broker_id, named)


def _drop_queues(broker_id: int, which: Q, now: datetime) -> None:
    queues = Queue.objects.present().filter(which, broker=broker_id)
    held = queues.aggregate(queues=Count("pk"), ready=Sum("ready"), unacked=Sum("unacked"))
    if not held["queues"]:
        return
    queues.update(gone_at=now)
    settle_gone_queues(broker_id, now)
    _take_off(
        broker_id, queues=held["queues"], messages_ready=held["ready"],
        messages_unacked=held["unacked"],
    )  # fmt: skip
    # A poll that is under way may have read them before they were deleted: it stores nothing, and the
    # next one, at once, compares all depths.
    BrokerStatus.objects.filter(broker=broker_id).update(
        claim=F("claim") + 1, claimed_until=None, next_poll_at=now, depths_claim=0
    )


def _drop_exchanges(broker_id: int, which: Q) -> None:
    deleted, _ = Exchange.objects.filter(which, broker=broker_id).delete()
    _take_off(broker_id, exchanges=deleted)


def _take_off(broker_id: int, **counts: int | None) -> None:
    """Lowers the broker's totals. One that is not known stays so."""
    status = BrokerStatus.objects.get(broker=broker_id)
    lowered = {
        name: max(0, known - (count or 0))
        for name, count in counts.items()
        if (known := getattr(status, name)) is not None
    }
    BrokerStatus.objects.filter(broker=broker_id).update(**lowered)


def settle_gone_queues(broker_id: int, now: datetime) -> None:
    """What is gone since `now` has no depth; its history ends in a gap."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH changed AS (
                UPDATE vhosts_queue q SET ready = NULL, unacked = NULL, total = NULL,
                       consumers = NULL, depth_changed_at = date_trunc('second', %(now)s),
                       {KEEP_LAST.format(now_unknown="TRUE")}
                WHERE broker_id = %(broker)s AND gone_at = %(now)s AND ready IS NOT NULL
                RETURNING id, depth_changed_at
            )
            INSERT INTO vhosts_queue_recent (queue_id, at) SELECT id, depth_changed_at FROM changed
            ON CONFLICT (queue_id, at) DO UPDATE SET ready = NULL, unacked = NULL
            """,  # noqa: S608 – no part of it comes from outside
            {"broker": broker_id, "now": now},
        )


@dataclass(frozen=True, slots=True)
class GoneSince:
    """Virtual hosts and users that a change read back as gone after an inventory began: what its
    listings tell of them, and of what hung on them, is from before."""

    vhosts: Collection[str]
    users: Collection[str]

    def tells_of(self, kind: Kind, row: Sequence[Any]) -> bool:
        """Whether the row of the part is of one of them. Keys come first in a row."""
        named = dict(zip(kind.keys, row, strict=False))
        return named.get("vhost") in self.vhosts or named.get('"user"') in self.users


def gone_since(broker: Broker, began: datetime) -> GoneSince:
    gone = ManagedObject.objects.filter(
        broker=broker, kind__in=("vhost", "user"), spec__isnull=True, verified_at__gt=began
    )
    names: dict[str, set[str]] = {"vhost": set(), "user": set()}
    for kind, key in gone.values_list("kind", "key"):
        names[kind].add(key[0])
    return GoneSince(frozenset(names["vhost"]), frozenset(names["user"]))
