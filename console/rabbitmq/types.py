"""What a broker reports, as typed values.

`None` always means "unknown": the broker left the field out, keeps no statistics, or is a version
that lacks it. It never means zero, none or empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

DepthSource = Literal["prometheus", "totals", "passive"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that can't be used. `sample` has at most 200 characters, already printable.

    `said` contains the fields that identify the row, as the broker wrote them, except those that
    can't be read either. Don't store or show them.
    """

    reason: str
    sample: str = ""
    said: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """All objects of one kind. `complete`: nothing was left out except the `rejected` rows. Only
    then does a missing object prove that it doesn't exist."""

    items: list[T]
    rejected: list[RejectedRow] = field(default_factory=list)
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Listener:
    node: str
    protocol: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Overview:
    rabbitmq_version: str
    erlang_version: str | None
    management_version: str | None
    product_name: str | None
    cluster_name: str | None
    node: str | None
    rates_mode: str | None
    #: False if the broker runs with statistics disabled.
    stats_enabled: bool
    queues: int | None
    exchanges: int | None
    connections: int | None
    channels: int | None
    consumers: int | None
    messages: int | None
    messages_ready: int | None
    messages_unacknowledged: int | None
    #: Messages per second over the broker's last sample interval.
    publish_rate: float | None
    deliver_get_rate: float | None
    ack_rate: float | None
    listeners: tuple[Listener, ...] = ()
    exchange_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeDetails:
    """What only a node's own page shows. Numbers the node doesn't report are left out of `figures`;
    rates are per second, times in milliseconds.

    `links`: {"node", "address", "sent", "received"} in bytes per second, None if unknown.
    """

    version: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    config_files: tuple[str, ...] = ()
    log_files: tuple[str, ...] = ()
    links: tuple[dict[str, str | float | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    name: str
    running: bool
    type: str | None = None
    mem_used: int | None = None  # bytes
    mem_limit: int | None = None  # bytes
    mem_alarm: bool | None = None
    disk_free: int | None = None  # bytes
    disk_free_limit: int | None = None  # bytes
    disk_free_alarm: bool | None = None
    fd_used: int | None = None
    fd_total: int | None = None
    sockets_used: int | None = None
    proc_used: int | None = None
    uptime_ms: int | None = None
    partitions: tuple[str, ...] = ()
    #: As its file of plugins says, without what they need.
    enabled_plugins: tuple[str, ...] = ()
    #: Those that run; None where the node doesn't say.
    running_plugins: tuple[str, ...] | None = None
    being_drained: bool | None = None
    more: NodeDetails | None = None


@dataclass(frozen=True, slots=True)
class Whoami:
    name: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QueueDepth:
    vhost: str
    name: str
    ready: int | None
    unacked: int | None
    total: int | None
    consumers: int | None = None


@dataclass(frozen=True, slots=True)
class QueueInfo:
    """A queue as declared, with the policies that apply to it."""

    vhost: str
    name: str
    type: str | None
    state: str | None
    node: str | None
    durable: bool | None
    auto_delete: bool | None
    exclusive: bool | None
    arguments: Mapping[str, Any]
    policy: str | None
    operator_policy: str | None
    members: tuple[str, ...] = ()
    online: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Consumer:
    tag: str
    channel: str | None
    connection: str | None
    peer: str | None
    user: str | None
    ack_required: bool | None
    exclusive: bool | None
    prefetch: int | None
    active: bool | None
    activity_status: str | None
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Taken:
    """What a channel takes from a queue: messages per second."""

    deliver: float
    ack: float


@dataclass(frozen=True, slots=True)
class ChannelNow:
    """An open channel, with messages per second over all exchanges and queues that it uses."""

    name: str
    connection: str | None
    peer: str | None
    user: str | None
    confirms: bool | None
    consumers: int | None
    unacked: int | None
    publish: float
    deliver: float
    ack: float


@dataclass(frozen=True, slots=True)
class QueueNow:
    """One queue, read on request. `consumers`: None if not reported, () if there are none."""

    info: QueueInfo
    depth: QueueDepth
    consumers: tuple[Consumer, ...] | None
    effective_policy: Mapping[str, Any] | None
    publish_rate: float | None
    deliver_get_rate: float | None
    ack_rate: float | None
    memory: int | None  # bytes
    message_bytes: int | None
    head_message_timestamp: int | None  # Unix seconds
    idle_since: str | None
    #: To consumers, without gets; redeliveries are part of both.
    deliver_rate: float | None = None
    redeliver_rate: float | None = None
    get_rate: float | None = None
    #: Messages a second by exchange, and taken by channel. Empty unless the broker keeps detailed
    #: rates.
    incoming: Mapping[str, float] = field(default_factory=dict)
    taken: Mapping[str, Taken] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Binding:
    vhost: str
    source: str
    destination: str
    destination_type: str
    routing_key: str
    arguments: Mapping[str, Any]
    properties_key: str | None


@dataclass(frozen=True, slots=True)
class Connection:
    """An open connection of a client. Its name contains both addresses, in the broker's format."""

    name: str
    vhost: str
    user: str
    node: str | None


@dataclass(frozen=True, slots=True)
class ExchangeInfo:
    """An exchange. The default exchange has the name ""."""

    vhost: str
    name: str
    type: str
    durable: bool | None
    auto_delete: bool | None
    #: True: accepts messages only from other exchanges.
    internal: bool | None
    arguments: Mapping[str, Any]
    policy: str | None


@dataclass(frozen=True, slots=True)
class VhostInfo:
    name: str
    description: str | None
    tags: tuple[str, ...]
    default_type: str | None
    tracing: bool | None
    protected_from_deletion: bool | None
    #: State per node ("running", "stopped", ...).
    cluster_state: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class VhostLimits:
    vhost: str
    limits: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class UserInfo:
    """A RabbitMQ user, without its password hash."""

    name: str
    tags: tuple[str, ...]
    has_password: bool | None
    hashing_algorithm: str | None
    limits: Mapping[str, int]
    #: For guest: whether the password is still guest. None for any other user, and if unknown.
    has_default_password: bool | None = None


@dataclass(frozen=True, slots=True)
class PermissionInfo:
    vhost: str
    user: str
    configure: str
    write: str
    read: str
