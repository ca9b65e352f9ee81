"""Read from the mirror what decides whether a RabbitMQ user may do something. No broker is
called."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from accessctl.explain import (
    ExchangeFacts,
    Facts,
    PermissionFacts,
    Question,
    TopicFacts,
    UserFacts,
    VhostFacts,
)
from accessctl.models import BrokerPermission, BrokerTopicPermission, BrokerUser
from console.faces.face import FACES
from console.kinds.exchange import EXCHANGE
from console.kinds.permission import PERMISSION
from console.kinds.queue import QUEUE
from console.kinds.registry import TOPIC_PERMISSION
from console.kinds.user import USER
from console.kinds.vhost import VHOST
from console.models.broker_states import ANSWERING
from vhosts.models import Exchange, Queue, VirtualHost

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from console.models import Broker, BrokerStatus

_KINDS = (USER, VHOST, PERMISSION, TOPIC_PERMISSION, EXCHANGE, QUEUE)


def facts_for(
    broker: Broker, question: Question, *, now: datetime, user_hidden: bool = False
) -> Facts:
    """Return the facts for the question. The number of queries is constant, whatever the broker's
    size.

    `user_hidden`: reveal nothing about the user, not even whether it exists.
    """
    named = {
        question.target,
        question.source,
        question.dead_letter_exchange or "",
        question.alternate_exchange or "",
    }
    status = broker.status
    known = known_parts(status)
    users = BrokerUser.objects.none() if user_hidden else BrokerUser.objects.filter(broker=broker)
    user = users.filter(name=question.user).first()
    vhost = VirtualHost.objects.filter(broker=broker, name=question.vhost).first()
    mine = {"broker": broker, "vhost": question.vhost, "user": question.user}
    permission = None if user_hidden else BrokerPermission.objects.filter(**mine).first()
    topics = BrokerTopicPermission.objects.filter(**mine)
    queues = Queue.objects.present().filter(broker=broker, vhost=question.vhost)
    return Facts(
        known=known,
        rabbitmq_version=status.rabbitmq_version,
        erlang_version=status.erlang_version,
        user_hidden=user_hidden,
        user=UserFacts(tuple(user.tags), user.has_password, user.limits) if user else None,
        vhost=VhostFacts(vhost.limits, vhost.cluster_state) if vhost else None,
        permission=PermissionFacts(permission.configure, permission.write, permission.read)
        if permission
        else None,
        topics={
            row.exchange: TopicFacts(row.write, row.read)
            for row in (topics.none() if user_hidden else topics)
        },
        exchanges=_exchanges(broker, question.vhost, named),
        queues=frozenset(queues.filter(name__in=named).values_list("name", flat=True)),
        queue_count=_queue_count(vhost, queues, known),
        observed_at=status.inventory_at,
        stale=status.shown_state(now) not in ANSWERING,
    )


def known_parts(status: BrokerStatus) -> frozenset[str]:
    """Return the inventory's parts that were read without skipped rows."""
    parts = {FACES[kind.name].route for kind in _KINDS}
    return frozenset(part for part in parts if status.knows(part))


def _exchanges(broker: Broker, vhost: str, names: Collection[str]) -> dict[str, ExchangeFacts]:
    found = Exchange.objects.filter(broker=broker, vhost=vhost, name__in=names)
    return {row.name: ExchangeFacts(row.type, row.internal) for row in found}


def _queue_count(
    vhost: VirtualHost | None, queues: QuerySet[Queue], known: frozenset[str]
) -> int | None:
    """Return the number of queues, or None. Counted only if a limit depends on it."""
    if vhost is None or vhost.limits.get("max-queues", -1) <= 0 or "queues" not in known:
        return None
    return queues.count()
