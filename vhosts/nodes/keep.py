"""Keep what a poll saw of the nodes: one row each, and their history.

This is apart from the poll's own transaction: if it fails, the poll's depths are stored all the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import DatabaseError, IntegrityError, connection, transaction

from console.rabbitmq import types
from console.rabbitmq.text import printable
from console.rabbitmq.types import Listing
from vhosts.history import partitions
from vhosts.nodes.model import Node, NodeSample
from vhosts.polling.depths.rows import Slot
from vhosts.polling.rates.rows import hold

log = structlog.get_logger(__name__)

#: Every poll would store more than a chart can show.
SAMPLE_EVERY = timedelta(seconds=30)
_COLUMNS = (
    "mem_used", "mem_limit", "mem_alarm", "disk_free", "disk_free_limit", "disk_free_alarm", "fd_used", "fd_total",
    "sockets_used", "proc_used", "uptime_ms", "being_drained",
)  # fmt: skip
_FROM_DETAILS = ("sockets_total", "proc_total", "run_queue")
_SAMPLED = (
    "mem_used", "mem_limit", "disk_free", "disk_free_limit", "fd_used", "sockets_used", "proc_used", "run_queue",
)  # fmt: skip
_SAMPLED_RATES = ("gc_rate", "switch_rate", "read_bytes_rate", "write_bytes_rate")
_WRITTEN = [
    "running", "running_since", "seen_at", "gone_at", "type", "version", "partitions", "plugins", "details",
    "sampled_at", *_COLUMNS, *_FROM_DETAILS,
]  # fmt: skip


def keep_nodes(slot: Slot, listing: Listing[types.Node] | None, now: datetime) -> None:
    """Store the nodes of a poll; None: they couldn't be read, and the stored ones become stale.
    Database trouble is logged, not raised."""
    if listing is None or not listing.items:
        return
    try:
        try:
            _keep(slot, listing, now)
        except IntegrityError as error:
            if "no partition of relation" not in str(error):
                raise
            partitions.make_ahead(slot.at)
            _keep(slot, listing, now)
    except DatabaseError:
        log.warning("nodes_not_kept", broker_id=slot.broker_id, exc_info=True)


def _keep(slot: Slot, listing: Listing[types.Node], now: datetime) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        if not hold(cursor, slot):
            return
        known = {node.name: node for node in Node.objects.filter(broker_id=slot.broker_id)}
        stored = {node.pk for node in known.values()}
        samples, rows = [], []
        for item in listing.items:
            name = item.name.replace("\x00", "\ufffd")[:255]
            node = known.pop(name, None) or Node(
                broker_id=slot.broker_id,
                name=name,
                running=item.running,
                running_since=now,
                first_seen_at=now,
            )
            was_running = node.running
            _fill(node, item, now)
            if _is_due(node, slot.at) or was_running != node.running:
                node.sampled_at = slot.at
                samples.append((node, _sample(node)))
            rows.append(node)
        Node.objects.bulk_create(
            [node for node in rows if node.pk is None],
        )
        # One by one: a statement for several needs a CASE per column and node, which Django takes
        # longer to build than Postgres to run.
        for node in rows:
            if node.pk in stored:
                node.save(update_fields=_WRITTEN)
        NodeSample.objects.bulk_create(
            [NodeSample(node_id=node.pk, at=slot.at, **values) for node, values in samples],
            ignore_conflicts=True,
        )
        if listing.complete and not listing.rejected:
            gone = [node.pk for node in known.values() if node.gone_at is None]
            Node.objects.filter(pk__in=gone).update(gone_at=now)


def _fill(node: Node, item: types.Node, now: datetime) -> None:
    more = item.more or types.NodeDetails()
    if node.running != item.running:
        node.running, node.running_since = item.running, now
    node.seen_at, node.gone_at = now, None
    for name in _COLUMNS:
        setattr(node, name, getattr(item, name))
    for name in _FROM_DETAILS:
        value = more.figures.get(name)
        setattr(node, name, None if value is None else int(value))
    node.type = printable(item.type or "", 40)
    node.version = printable(more.version, 60)
    node.partitions = _texts(item.partitions)
    node.plugins = None if item.running_plugins is None else _texts(item.running_plugins)
    node.details = {
        **dataclasses.asdict(more),
        "facts": {name: _text(text) for name, text in more.facts.items()},
        "config_files": _texts(more.config_files),
        "log_files": _texts(more.log_files),
        "links": [
            {key: _text(value) if isinstance(value, str) else value for key, value in one.items()}
            for one in more.links
        ],
    }


def _is_due(node: Node, at: datetime) -> bool:
    # A slot can be a little early.
    return node.sampled_at is None or at - node.sampled_at >= SAMPLE_EVERY - timedelta(seconds=1)


def _sample(node: Node) -> dict[str, Any]:
    figures = node.details.get("figures", {})
    rates = [
        one[way]
        for one in node.details.get("links", [])
        for way in ("sent", "received")
        if one[way] is not None
    ]
    return {
        **{name: getattr(node, name) for name in _SAMPLED},
        **{name: figures.get(name) for name in _SAMPLED_RATES},
        "link_bytes_rate": sum(rates) if rates else None,
    }


def _texts(texts: Iterable[str]) -> list[str]:
    return [_text(text) for text in texts]


def _text(text: str) -> str:
    return text.replace("\x00", "\ufffd")[:1000]
