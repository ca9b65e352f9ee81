"""What the lists of connections, channels and consumers show, and what they filter and sort by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.html import format_html

from console.faces.lists import Column, Filter, ListSpec, contains, equals
from console.faces.objects import cells
from console.faces.templatetags.warren import bytes_tag, name_tag, rate, unknown
from vhosts.live.columns import (
    bytes_rate,
    channel_cell,
    client_cell,
    connection_cell,
    figure_column,
    flag_column,
    host_column,
    queue_cell,
    state_column,
    text_column,
)
from vhosts.live.rows import CHANNELS, CONNECTIONS, CONSUMERS

_STATES = {
    "running": "Running",
    "flow": "Flow control",
    "blocked": "Blocked",
    "blocking": "Blocking",
}
_CHANNEL_STATES = {"running": "Running", "idle": "Idle", "flow": "Flow control"}
_PROTOCOLS = {
    "amqp091": "AMQP 0-9-1", "amqp10": "AMQP 1.0", "mqtt": "MQTT", "stomp": "STOMP", "stream": "Stream",
}  # fmt: skip
_STARTS = {
    "amqp091": ("AMQP 0-9-1", "{0,9,1}"), "amqp10": ("AMQP 1",), "mqtt": ("MQTT",), "stomp": ("STOMP",),
    "stream": ("stream",),
}  # fmt: skip
_MODES = {"confirm": "Confirms", "transactional": "Transactions"}

_ACTIVITIES = {
    "up": "up", "single_active": "single active", "waiting": "waits for the active one",
    "suspected_down": "suspected down",
}  # fmt: skip


def _of_protocol(key: str) -> Q:
    found = Q()
    for start in _STARTS[key]:
        found |= Q(protocol__istartswith=start)
    return found


_SHARED = [
    Filter(
        key="user", label="User", where=equals("user"), help="The exact name of the RabbitMQ user."
    ),
    Filter(
        key="host",
        label="Client host",
        where=lambda text: Q(peer_host__istartswith=text),
        help="The start of the client's address.",
    ),
]
_VHOST = Column(
    key="vhost",
    label="Virtual host",
    order=["vhost"],
    value=lambda row: row.vhost,
    cell=lambda row: name_tag(row.vhost, fit=True),
)
_NAMED = Filter(
    key="name", label="Name", where=equals("name"), control=False, help="The exact name."
)
_OF_CONNECTION = Filter(
    key="connection",
    label="Connection",
    where=equals("connection"),
    control=False,
    help="The exact name of the connection.",
)


def _client(row: Any) -> Any:
    """Return what the client calls itself, or else its addresses."""
    if row.client_name:
        return name_tag(row.client_name, fit=True)
    return format_html('<span class="muted">{}</span>', name_tag(row.name, fit=True))


CONNECTION_LIST = ListSpec(
    name="connections",
    default_sort="client_name",
    tiebreak=("name", "id"),
    columns=[
        Column(
            key="client_name",
            label="Client",
            order=[Lower("client_name"), "name"],
            value=lambda row: row.client_name or None,
            cell=_client,
            help="The name that the client gives itself: connection_name.",
        ),
        text_column("name", "Connection", tip="Both addresses, in RabbitMQ's format.", shown=False),
        text_column("user", "User"),
        _VHOST,
        host_column(),
        state_column("Flow control: it publishes faster than queues take it. Blocked: an alarm stops publishers."),
        text_column("protocol", "Protocol"),
        flag_column("tls", "TLS", "yes", "no"),
        figure_column("channels", "Channels"),
        figure_column("in_rate", "From client", bytes_rate, tip="Bytes per second from the client."),
        figure_column("out_rate", "To client", bytes_rate, tip="Bytes per second to the client."),
        figure_column("in_bytes", "Received", bytes_tag, tip="Since it was opened.", shown=False),
        figure_column("out_bytes", "Sent", bytes_tag, tip="Since it was opened.", shown=False),
        Column(key="connected_at", label="Connected", order=["connected_at"], value=lambda row: row.connected_at,
               descending_first=True),
        text_column("node", "Node", shown=False),
        text_column("auth_mechanism", "Authentication", shown=False),
        figure_column("heartbeat", "Heartbeat", tip="Seconds; 0 is off.", shown=False),
        figure_column("frame_max", "Frame max", tip="Bytes; 0 is no limit.", shown=False),
        figure_column("channel_max", "Channel limit", tip="0 is no limit.", shown=False),
    ],
    filters=[
        Filter(
            key="search",
            label="Client, name or user",
            where=contains("client_name", "name", "user"),
            help="Part of the client's name, of the addresses or of the user.",
        ),
        *_SHARED,
        Filter(key="state", label="State", kind="choice", choices=_STATES, where=equals("state"), others=True),
        Filter(key="protocol", label="Protocol", kind="choice", choices=_PROTOCOLS, where=_of_protocol),
        Filter(key="no_tls", label="Without TLS", kind="flag", where=lambda _: Q(tls=False)),
        _NAMED,
    ],
)  # fmt: skip

CHANNEL_LIST = ListSpec(
    name="channels",
    default_sort="name",
    tiebreak=("name", "id"),
    columns=[
        text_column("name", "Channel", tip="Its connection, with its number."),
        Column(key="client_name", label="Client", value=lambda row: row.client_name or None, cell=client_cell,
               help="The name that the client gives itself: connection_name."),
        text_column("user", "User"),
        _VHOST,
        Column(key="connection", label="Connection", order=["connection"],
               value=lambda row: row.connection or None, cell=connection_cell, shown=False),
        host_column(shown=False),
        Column(
            key="mode",
            label="Mode",
            order=["mode"],
            value=lambda row: row.mode or None,
            cell=lambda row: _MODES.get(row.mode, row.mode) or cells.none(),
            help="Confirms: the broker confirms what is published. Transactions: nothing counts until it is committed.",
        ),
        state_column(),
        figure_column("prefetch", "Prefetch", tip="Limit of unacked messages for each new consumer; 0 is none."),
        figure_column("global_prefetch", "Global prefetch", tip="Limit for the whole channel; 0 is none.", shown=False),
        figure_column("consumers", "Consumers"),
        figure_column("unacked", "Unacked", tip="Delivered and not acknowledged yet."),
        figure_column("unconfirmed", "Unconfirmed", tip="Published and not confirmed yet."),
        figure_column("uncommitted", "Uncommitted", tip="Messages of an open transaction.", shown=False),
        figure_column("acks_uncommitted", "Uncommitted acks", shown=False),
        figure_column("publish_rate", "Publish", rate),
        figure_column("confirm_rate", "Confirm", rate, shown=False),
        figure_column("returned_rate", "Returned", rate, tip="Unroutable and sent back.", shown=False),
        figure_column("dropped_rate", "Dropped", rate, tip="Unroutable and lost."),
        figure_column("deliver_rate", "Deliver", rate),
        figure_column("get_rate", "Get", rate, shown=False),
        figure_column("redeliver_rate", "Redeliver", rate),
        figure_column("ack_rate", "Ack", rate),
        text_column("node", "Node", shown=False),
    ],
    filters=[
        Filter(key="search", label="Name or user", where=contains("name", "user"),
               help="Part of the addresses or of the user."),
        *_SHARED,
        Filter(key="state", label="State", kind="choice", choices=_CHANNEL_STATES, where=equals("state"), others=True),
        Filter(key="mode", label="Mode", kind="choice", choices=_MODES, where=equals("mode")),
        Filter(key="unacked", label="With unacked messages", kind="flag", where=lambda _: Q(unacked__gt=0)),
        _OF_CONNECTION,
        _NAMED,
    ],
)  # fmt: skip

CONSUMER_LIST = ListSpec(
    name="consumers",
    default_sort="queue",
    tiebreak=("tag", "channel", "id"),
    columns=[
        Column(key="queue", label="Queue", order=["queue"], value=lambda row: row.queue, cell=queue_cell),
        _VHOST,
        text_column("tag", "Consumer tag"),
        Column(key="client_name", label="Client", value=lambda row: row.client_name or None, cell=client_cell,
               help="The name that the client gives itself: connection_name."),
        Column(key="channel", label="Channel", order=["channel"], value=lambda row: row.channel or None,
               cell=channel_cell, shown=False),
        Column(key="connection", label="Connection", order=["connection"],
               value=lambda row: row.connection or None, cell=connection_cell, shown=False),
        text_column("user", "User"),
        host_column(shown=False),
        flag_column("ack_required", "Acknowledgement", "manual", "automatic",
              tip="Automatic: RabbitMQ forgets a message as soon as it is sent, so a crash loses it."),
        figure_column("prefetch", "Prefetch", tip="Most unacked messages at once; 0 is no limit."),
        flag_column("active", "Active", "yes", "no", tip="Whether it gets messages."),
        Column(
            key="activity",
            label="Activity",
            order=["activity"],
            value=lambda row: row.activity or None,
            cell=lambda row: _ACTIVITIES.get(row.activity, cells.name(row.activity)) if row.activity else unknown(),
            help="With single active consumer, one is active and the others wait.",
        ),
        flag_column("exclusive", "Exclusive", "yes", "no", shown=False),
        Column(key="arguments", label="Arguments", cell=lambda row: cells.table(row.arguments), shown=False),
        figure_column("timeout", "Ack timeout", tip="Milliseconds.", shown=False),
        text_column("node", "Node", shown=False),
    ],
    filters=[
        Filter(key="search", label="Queue, tag or user", where=contains("queue", "tag", "user"),
               help="Part of the queue's name, of the consumer tag or of the user."),
        *_SHARED,
        Filter(key="automatic", label="Automatic acknowledgement", kind="flag",
               where=lambda _: Q(ack_required=False)),
        Filter(key="no_prefetch", label="Without prefetch limit", kind="flag",
               where=lambda _: Q(prefetch=0, ack_required=True)),
        Filter(key="inactive", label="Inactive", kind="flag", where=lambda _: Q(active=False)),
        Filter(key="queue", label="Queue", where=equals("queue"), control=False, help="The exact name of the queue."),
        Filter(key="channel", label="Channel", where=equals("channel"), control=False,
               help="The exact name of the channel."),
        _OF_CONNECTION,
    ],
)  # fmt: skip
LISTS: Mapping[str, ListSpec] = {
    CONNECTIONS: CONNECTION_LIST,
    CHANNELS: CHANNEL_LIST,
    CONSUMERS: CONSUMER_LIST,
}
