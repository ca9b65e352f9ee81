"""What the management API sends, by endpoint.

Only fields in use are decoded; whatever else a version adds is skipped. A field that is missing,
null, "undefined" or of a wrong type becomes None, unless it identifies the row.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

_BIGGEST = 2**63 - 1  # the largest integer that Postgres stores

Name = Annotated[str, msgspec.Meta(max_length=4096)]
Count = Annotated[int, msgspec.Meta(ge=0, le=_BIGGEST)]
Number = Annotated[int, msgspec.Meta(ge=-_BIGGEST, le=_BIGGEST)]
Object = dict[str, Any]
#: A list, or before 4.0.6 sometimes one string with commas.
Tags = list[str] | str


class Rate(msgspec.Struct):
    rate: float | None = None


class MessageStats(msgspec.Struct):
    publish_details: Rate | None = None
    deliver_get_details: Rate | None = None
    ack_details: Rate | None = None
    deliver_details: Rate | None = None
    deliver_no_ack_details: Rate | None = None
    redeliver_details: Rate | None = None
    get_details: Rate | None = None
    get_no_ack_details: Rate | None = None


class FlowFrom(msgspec.Struct):
    """What an exchange sent to a queue; only with the broker's detailed rates."""

    exchange: ExchangeName | None = None
    stats: MessageStats | None = None


class FlowTo(msgspec.Struct):
    """What a channel took from a queue, or sent to an exchange; only with detailed rates."""

    channel_details: ChannelDetails | None = None
    stats: MessageStats | None = None


class ExchangeName(msgspec.Struct):
    name: str = ""


class Totals(msgspec.Struct):
    messages: Count | None = None
    messages_ready: Count | None = None
    messages_unacknowledged: Count | None = None


class ObjectTotals(msgspec.Struct):
    queues: Count | None = None
    exchanges: Count | None = None
    connections: Count | None = None
    channels: Count | None = None
    consumers: Count | None = None


class ListenerRow(msgspec.Struct):
    node: str = ""
    protocol: str = ""
    ip_address: str = ""
    port: Number = 0


class ExchangeType(msgspec.Struct):
    name: str


class Application(msgspec.Struct):
    name: str = ""
    version: str = ""


class OverviewRow(msgspec.Struct):
    rabbitmq_version: str
    erlang_version: str | None = None
    management_version: str | None = None
    product_name: str | None = None
    cluster_name: str | None = None
    node: str | None = None
    rates_mode: str | None = None
    disable_stats: bool | None = None
    object_totals: ObjectTotals | None = None
    queue_totals: Totals | None = None
    message_stats: MessageStats | None = None
    listeners: list[ListenerRow] | None = None
    exchange_types: list[ExchangeType] | None = None


class WhoamiRow(msgspec.Struct):
    name: Name
    tags: Tags | None = None


class DepthRow(msgspec.Struct):
    vhost: Name
    name: Name
    messages: Count | None = None
    messages_ready: Count | None = None
    messages_unacknowledged: Count | None = None
    type: str | None = None


class ChannelDetails(msgspec.Struct):
    name: str | None = None
    connection_name: str | None = None
    peer_host: str | None = None
    user: str | None = None


class ConsumerRow(msgspec.Struct):
    consumer_tag: str = ""
    channel_details: ChannelDetails | None = None
    ack_required: bool | None = None
    exclusive: bool | None = None
    prefetch_count: Number | None = None
    active: bool | None = None
    activity_status: str | None = None
    arguments: Object | None = None


class QueueName(msgspec.Struct):
    vhost: Name
    name: Name


class ConsumedRow(msgspec.Struct):
    """A consumer, of which only its queue is requested."""

    queue: QueueName


class QueueRow(DepthRow):
    state: str | None = None
    node: str | None = None
    durable: bool | None = None
    auto_delete: bool | None = None
    exclusive: bool | None = None
    arguments: Object | None = None
    policy: str | None = None
    operator_policy: str | None = None
    #: Quorum queues report this instead of `node`; None while they have no leader.
    leader: str | None = None
    members: list[str] | None = None
    online: list[str] | None = None
    consumers: Count | None = None


class QueueNowRow(QueueRow):
    consumer_details: list[msgspec.Raw] | None = None
    effective_policy_definition: Object | None = None
    message_stats: MessageStats | None = None
    memory: Count | None = None
    message_bytes: Count | None = None
    head_message_timestamp: Number | None = None
    idle_since: str | None = None
    incoming: list[FlowFrom] | None = None
    deliveries: list[FlowTo] | None = None


class BindingRow(msgspec.Struct):
    vhost: Name
    source: Name
    destination: Name
    destination_type: str
    routing_key: str
    arguments: Object | None = None
    properties_key: str | None = None


class ExchangeRow(msgspec.Struct):
    vhost: Name
    name: Name
    type: str
    durable: bool | None = None
    auto_delete: bool | None = None
    internal: bool | None = None
    arguments: Object | None = None
    policy: str | None = None


class PublishStats(msgspec.Struct):
    publish_in_details: Rate | None = None
    publish_out_details: Rate | None = None


class PublishedRow(msgspec.Struct):
    vhost: Name
    name: Name
    message_stats: PublishStats | None = None


class VhostRow(msgspec.Struct, rename={"default_type": "default_queue_type"}):
    name: Name
    description: str | None = None
    tags: Tags | None = None
    default_type: str | None = None
    tracing: bool | None = None
    protected_from_deletion: bool | None = None
    cluster_state: dict[str, str] | None = None


class ConnectionRow(msgspec.Struct):
    name: Name
    vhost: Name
    user: Name
    node: str | None = None


class ConnectionDetails(msgspec.Struct):
    name: str | None = None
    peer_host: str | None = None


class ChannelNowRow(msgspec.Struct):
    name: Name
    user: str | None = None
    confirm: bool | None = None
    connection_details: ConnectionDetails | None = None
    consumer_count: Count | None = None
    messages_unacknowledged: Count | None = None
    message_stats: MessageStats | None = None


class ClientNameRow(msgspec.Struct):
    name: Name
    user_provided_name: str | None = None


class VhostLimitsRow(msgspec.Struct):
    vhost: Name
    value: dict[str, Number] | None = None


class UserRow(msgspec.Struct):
    name: Name
    tags: Tags | None = None
    password_hash: str | None = None
    hashing_algorithm: str | None = None
    limits: dict[str, Number] | None = None


class PermissionRow(msgspec.Struct):
    vhost: Name
    user: Name
    configure: str
    write: str
    read: str
