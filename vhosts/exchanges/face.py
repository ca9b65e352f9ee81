"""How exchanges are mirrored."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Model, Q

from accessctl.rights import Permission
from console.faces.face import Face, Rights, Rules
from console.faces.mirror import Mirror, Reading
from console.kinds.exchange import EXCHANGE
from console.rabbitmq.cluster import ClusterView
from console.rabbitmq.types import ExchangeInfo
from vhosts.models import Exchange
from vhosts.polling.totals import take_off
from vhosts.topology.references import dies


def _row(exchange: ExchangeInfo, view: ClusterView) -> tuple[Any, ...]:
    return (
        exchange.vhost,
        exchange.name,
        exchange.type,
        exchange.durable,
        exchange.auto_delete,
        exchange.internal,
        dict(exchange.arguments),
        exchange.policy or "",
    )


def _drop(model: type[Model], broker_id: int, which: Q, now: datetime) -> None:
    deleted, _ = Exchange.objects.filter(which, broker=broker_id).delete()
    take_off(broker_id, exchanges=deleted)


EXCHANGES = Face(
    kind=EXCHANGE,
    model=Exchange,
    rights=Rights(
        view=Permission.QUEUES_VIEW,
        create=Permission.EXCHANGES_EDIT,
        edit=Permission.EXCHANGES_EDIT,
        delete=Permission.EXCHANGES_EDIT,
    ),
    slug="exchanges",
    rules=Rules(dies=dies(EXCHANGE.name)),
    mirror=Mirror(
        columns=("type", "durable", "auto_delete", "internal", "arguments", "policy"),
        reading=Reading(items=lambda client: client.exchanges(), row=_row),
        drop=_drop,
        read_back=False,
        compared=False,
    ),
)
