"""Turn rows of the management API into rows of the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import msgspec

from console.rabbitmq.management.live import (
    ChannelNow,
    ChannelRates,
    ConnectionNow,
    ConsumerNow,
    OfChannel,
    OfConnection,
    rate_of,
)
from console.rabbitmq.management.records import Rate
from vhosts.live.model import LiveChannel, LiveConnection, LiveConsumer, LiveRow

CONNECTIONS, CHANNELS, CONSUMERS = "connections", "channels", "consumers"
MODELS: Mapping[str, type[LiveRow]] = {
    CONNECTIONS: LiveConnection,
    CHANNELS: LiveChannel,
    CONSUMERS: LiveConsumer,
}
_MOST_TEXT = 1000
#: A client sends what it likes; more than this of it is of no use to anybody.
_MOST_TABLE = 16_000
_BIGGEST_INT = 2**31 - 1
#: 53 bits: the largest number that a browser keeps exact.
_ID_BITS = 53
_LAST_MOMENT = 253_402_300_799_000  # the end of the year 9999, in milliseconds


def id_of(*parts: object) -> int:
    """Return the ID of a row from what identifies it."""
    digest = blake2b(msgspec.json.encode([str(part) for part in parts]), digest_size=8).digest()
    return int.from_bytes(digest) >> (64 - _ID_BITS)


def fields_of(what: str) -> list[str]:
    """Return the quoted columns of the list's table, in the order of `values_of`."""
    return [f'"{field.column}"' for field in MODELS[what]._meta.concrete_fields]


def values_of(what: str, broker: int, rows: Iterable[Any]) -> list[list[Any]]:
    """Return the values of each row's columns. A row that is listed twice counts once."""
    build = _BUILD[what]
    names = [field.attname for field in MODELS[what]._meta.concrete_fields]
    found: dict[int, list[Any]] = {}
    for row in rows:
        values = {**build(broker, row), "broker_id": broker}
        found[values["id"]] = [values[name] for name in names]
    return list(found.values())


def _connection(broker: int, row: ConnectionNow) -> dict[str, Any]:
    properties = _table(row.client_properties)
    named = row.user_provided_name or properties.get("connection_name")
    return {
        "id": id_of(CONNECTIONS, broker, row.name, row.connected_at),
        "name": _text(row.name),
        "vhost": row.vhost or "",
        "user": row.user or "",
        "node": _text(row.node),
        "client_name": _text(named if isinstance(named, str) else None),
        "peer_host": _text(row.peer_host),
        "peer_port": _small(row.peer_port),
        "type": _text(row.type),
        "protocol": _text(row.protocol),
        "state": _text(row.state),
        "tls": row.ssl,
        "auth_mechanism": _text(row.auth_mechanism),
        "channels": _small(row.channels),
        "channel_max": row.channel_max,
        "frame_max": row.frame_max,
        "heartbeat": row.timeout,
        "in_rate": rate_of(row.recv_oct_details),
        "out_rate": rate_of(row.send_oct_details),
        "in_bytes": row.recv_oct,
        "out_bytes": row.send_oct,
        "connected_at": moment(row.connected_at),
        "facts": _facts(row, _CONNECTION_FACTS),
        "client_properties": properties,
    }


def _channel(broker: int, row: ChannelNow) -> dict[str, Any]:
    of, rates = row.connection_details or OfConnection(), row.message_stats or ChannelRates()
    mode = "transactional" if row.transactional else "confirm" if row.confirm else ""
    known = row.message_stats is not None
    return {
        "id": id_of(CHANNELS, broker, row.name, row.user, row.vhost),
        "name": _text(row.name),
        "vhost": row.vhost or "",
        "user": row.user or "",
        "node": _text(row.node),
        "connection": _text(of.name),
        "peer_host": _text(of.peer_host),
        "peer_port": _small(of.peer_port),
        "number": row.number,
        "state": _text(row.state),
        "mode": mode,
        "prefetch": row.prefetch_count,
        "global_prefetch": row.global_prefetch_count,
        "consumers": row.consumer_count,
        "unacked": row.messages_unacknowledged,
        "unconfirmed": row.messages_unconfirmed,
        "uncommitted": row.messages_uncommitted,
        "acks_uncommitted": row.acks_uncommitted,
        "publish_rate": _rate(known, rates.publish_details),
        "confirm_rate": _rate(known, rates.confirm_details),
        "returned_rate": _rate(known, rates.return_unroutable_details),
        "dropped_rate": _rate(known, rates.drop_unroutable_details),
        "deliver_rate": _rate(known, rates.deliver_details, rates.deliver_no_ack_details),
        "get_rate": _rate(known, rates.get_details, rates.get_no_ack_details),
        "redeliver_rate": _rate(known, rates.redeliver_details),
        "ack_rate": _rate(known, rates.ack_details),
        "facts": _facts(row, _CHANNEL_FACTS),
    }


def _consumer(broker: int, row: ConsumerNow) -> dict[str, Any]:
    of = row.channel_details if isinstance(row.channel_details, OfChannel) else OfChannel()
    return {
        "id": id_of(CONSUMERS, broker, row.queue.vhost, row.queue.name, of.name, row.consumer_tag),
        "vhost": row.queue.vhost,
        "queue": row.queue.name,
        "tag": _text(row.consumer_tag),
        "channel": _text(of.name),
        "connection": _text(of.connection_name),
        "user": _text(of.user),
        "node": _text(of.node),
        "peer_host": _text(of.peer_host),
        "peer_port": _small(of.peer_port),
        "ack_required": row.ack_required,
        "prefetch": row.prefetch_count,
        "exclusive": row.exclusive,
        "active": row.active,
        "activity": _text(row.activity_status),
        "arguments": _table(row.arguments),
        "timeout": row.consumer_timeout,
    }


_BUILD: Mapping[str, Callable[[int, Any], dict[str, Any]]] = {
    CONNECTIONS: _connection,
    CHANNELS: _channel,
    CONSUMERS: _consumer,
}
_CONNECTION_FACTS = (
    "host", "port", "container_id", "ssl_protocol", "ssl_cipher", "ssl_key_exchange", "ssl_hash",
    "peer_cert_subject", "peer_cert_issuer", "peer_cert_validity", "recv_cnt", "send_cnt", "send_pend",
)  # fmt: skip
_CHANNEL_FACTS = ("pending_raft_commands", "cached_segments", "idle_since")


def moment(milliseconds: int | None) -> datetime | None:
    """Return the time of RabbitMQ's milliseconds since 1970; None for an impossible one."""
    if milliseconds is None or milliseconds > _LAST_MOMENT:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _rate(known: bool, *parts: Rate | None) -> float | None:
    """Return the sum of rates. A rate that is missing among others has had no traffic: 0."""
    rates = [rate for part in parts if (rate := rate_of(part)) is not None]
    return sum(rates) if rates else 0.0 if known else None


def _facts(row: msgspec.Struct, names: Sequence[str]) -> dict[str, Any]:
    found = {name: getattr(row, name) for name in names}
    return {
        name: _text(value) if isinstance(value, str) else value
        for name, value in found.items()
        if value not in (None, "")
    }


def _text(value: str | None) -> str:
    return (value or "")[:_MOST_TEXT]


def _small(value: int | None) -> int | None:
    return value if value is not None and abs(value) <= _BIGGEST_INT else None


def _table(said: dict[str, Any] | list[Any] | None) -> dict[str, Any]:
    """Return a table; one that is too large keeps its first entries."""
    if not isinstance(said, dict):
        return {}
    if len(msgspec.json.encode(said)) <= _MOST_TABLE:
        return said
    kept, left = dict[str, Any](), _MOST_TABLE
    for key, value in said.items():
        left -= len(msgspec.json.encode([key, value]))
        if left < 0:
            break
        kept[key] = value
    return kept
