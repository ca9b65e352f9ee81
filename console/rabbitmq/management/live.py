"""Read what is connected now: connections, channels, consumers; and what is bound to an exchange.

These lists change all the time and can be long, so each read has its own limit of bytes. A field
that is missing is None: unknown, never none or zero. Sources: `rabbit_mgmt_wm_connections.erl`,
`rabbit_mgmt_wm_channels.erl`, `rabbit_mgmt_wm_consumers.erl`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from console.rabbitmq.endpoint import MEGABYTE
from console.rabbitmq.errors import StatsDisabled
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.management.decode import Rows
from console.rabbitmq.management.paths import path
from console.rabbitmq.management.readings import BINDINGS, EXCHANGES
from console.rabbitmq.management.records import Count, Name, Number, Rate
from console.rabbitmq.types import Binding, ExchangeInfo, Listing

#: About 20,000 connections with usual client properties.
MOST_BYTES = 64 * MEGABYTE
#: RabbitMQ writes an empty table as a list.
Table = dict[str, Any] | list[Any]


def rate_of(said: Rate | None) -> float | None:
    """Return the rate per second; None if the broker reports none."""
    return said.rate if said else None


class ConnectionNow(msgspec.Struct):
    """An open connection. Rates are bytes per second, `timeout` is the heartbeat in seconds,
    `connected_at` is in milliseconds since 1970."""

    name: Name
    vhost: Name | None = None
    user: Name | None = None
    user_provided_name: str | None = None
    node: str | None = None
    type: str | None = None
    protocol: str | None = None
    state: str | None = None
    host: str | None = None
    port: Number | None = None
    peer_host: str | None = None
    peer_port: Number | None = None
    ssl: bool | None = None
    ssl_protocol: str | None = None
    ssl_cipher: str | None = None
    ssl_key_exchange: str | None = None
    ssl_hash: str | None = None
    peer_cert_subject: str | None = None
    peer_cert_issuer: str | None = None
    peer_cert_validity: str | None = None
    auth_mechanism: str | None = None
    container_id: str | None = None
    channels: Count | None = None
    channel_max: Count | None = None
    frame_max: Count | None = None
    timeout: Count | None = None
    connected_at: Count | None = None
    recv_oct: Count | None = None
    send_oct: Count | None = None
    recv_cnt: Count | None = None
    send_cnt: Count | None = None
    send_pend: Count | None = None
    recv_oct_details: Rate | None = None
    send_oct_details: Rate | None = None
    client_properties: Table | None = None


class ChannelRates(msgspec.Struct):
    publish_details: Rate | None = None
    confirm_details: Rate | None = None
    return_unroutable_details: Rate | None = None
    drop_unroutable_details: Rate | None = None
    deliver_details: Rate | None = None
    deliver_no_ack_details: Rate | None = None
    get_details: Rate | None = None
    get_no_ack_details: Rate | None = None
    redeliver_details: Rate | None = None
    ack_details: Rate | None = None


class OfConnection(msgspec.Struct):
    name: str | None = None
    peer_host: str | None = None
    peer_port: Number | None = None


class ChannelNow(msgspec.Struct):
    """A channel. Without `message_stats` it had no traffic, or the broker keeps no rates."""

    name: Name
    vhost: Name | None = None
    user: Name | None = None
    node: str | None = None
    number: Number | None = None
    state: str | None = None
    confirm: bool | None = None
    transactional: bool | None = None
    prefetch_count: Count | None = None
    global_prefetch_count: Count | None = None
    consumer_count: Count | None = None
    messages_unacknowledged: Count | None = None
    messages_unconfirmed: Count | None = None
    messages_uncommitted: Count | None = None
    acks_uncommitted: Count | None = None
    pending_raft_commands: Count | None = None
    cached_segments: Count | None = None
    idle_since: str | None = None
    connection_details: OfConnection | None = None
    message_stats: ChannelRates | None = None


class OfChannel(msgspec.Struct):
    name: str | None = None
    node: str | None = None
    connection_name: str | None = None
    peer_host: str | None = None
    peer_port: Number | None = None
    user: str | None = None


class OfQueue(msgspec.Struct):
    vhost: Name
    name: Name


class ConsumerNow(msgspec.Struct):
    """A consumer of a queue or stream."""

    queue: OfQueue
    consumer_tag: str = ""
    channel_details: OfChannel | list[Any] | None = None
    ack_required: bool | None = None
    exclusive: bool | None = None
    prefetch_count: Number | None = None
    active: bool | None = None
    activity_status: str | None = None
    consumer_timeout: Number | None = None
    arguments: Table | None = None


def _same(row: Any) -> Any:
    return row


_LISTS: dict[str, Rows[Any, Any]] = {
    "connections": Rows(ConnectionNow, _same),
    "channels": Rows(ChannelNow, _same),
    "consumers": Rows(ConsumerNow, _same),
}


def _columns(struct: type[msgspec.Struct]) -> str:
    """Return the columns to request: half of a row is of no use here. Rates are nested, and
    RabbitMQ keeps the whole of a nested field that is named."""
    return ",".join(struct.__struct_fields__)


#: Whom RabbitMQ shows everybody's connections; others see only their own.
_SEE_ALL = {"monitoring", "administrator"}


def read_list(client: ManagementClient, what: str) -> Listing[Any]:
    """Return every row of a list (`connections`, `channels` or `consumers`) that the console's
    RabbitMQ user may see; incomplete if those are only its own.

    Raises BrokerError; StatsDisabled if the broker collects no figures, because 4.3 then answers
    with an empty list although clients are connected.
    """
    rows = _LISTS[what]
    target = path(what, query={"columns": _columns(rows.struct)})
    body = client.http.get(target, max_bytes=MOST_BYTES)
    listing = rows.listing(body, client.endpoint.limits)
    sees_all = bool(_SEE_ALL.intersection(client.whoami().tags))
    if not listing.items and not client.overview().stats_enabled:
        raise StatsDisabled(
            "The broker collects no figures of clients (management_agent.disable_metrics_collector), "
            "so its empty list proves nothing."
        )
    return Listing(listing.items, listing.rejected, complete=sees_all)


def exchange_now(client: ManagementClient, vhost: str, name: str) -> ExchangeInfo:
    """Return an exchange. Raises NotFound and other BrokerErrors."""
    body = client.get_named(path("exchanges", vhost, name), vhost, name)
    return EXCHANGES.one(body, client.endpoint.limits)


def bindings_from(client: ManagementClient, vhost: str, name: str) -> Listing[Binding]:
    """Return the bindings from an exchange. Raises BrokerError."""
    where = path("exchanges", vhost, name, "bindings", "source")
    return BINDINGS.listing(client.get_named(where, vhost, name), client.endpoint.limits)
