"""Convert rows of the management API to the types of `console.rabbitmq.types`."""

from __future__ import annotations

from console.rabbitmq import types
from console.rabbitmq.endpoint import Limits
from console.rabbitmq.management.decode import Rows
from console.rabbitmq.management.flows import added, sent_by_exchange, taken_by_channel
from console.rabbitmq.management.nodes.reading import node, rate
from console.rabbitmq.management.nodes.rows import NodeRow
from console.rabbitmq.management.records import (
    BindingRow,
    ChannelDetails,
    ConnectionRow,
    ConsumedRow,
    ConsumerRow,
    DepthRow,
    ExchangeRow,
    MessageStats,
    ObjectTotals,
    OverviewRow,
    PermissionRow,
    PublishedRow,
    PublishStats,
    QueueNowRow,
    QueueRow,
    Tags,
    Totals,
    UserRow,
    VhostLimitsRow,
    VhostRow,
    WhoamiRow,
)
from console.rabbitmq.passwords import is_default_password


def tags(said: Tags | None) -> tuple[str, ...]:
    """Return tags from any version's format."""
    written = said.split(",") if isinstance(said, str) else said or []
    return tuple(tag.strip() for tag in written if tag.strip())


def _known(said: str | None) -> str | None:
    """Return None for words that mean "no value". Don't use it for names: a policy can be called
    undefined.
    """
    return None if said in ("", "undefined", "none") else said


def _state(said: str | None) -> str | None:
    """Return the state. In the listing without totals, 3.10 and 3.11 call "live" what is "running"
    elsewhere.
    """
    return "running" if said == "live" else _known(said)


def overview(row: OverviewRow) -> types.Overview:
    objects = row.object_totals or ObjectTotals()
    totals = row.queue_totals or Totals()
    rates = row.message_stats or MessageStats()
    return types.Overview(
        rabbitmq_version=row.rabbitmq_version,
        erlang_version=row.erlang_version,
        management_version=row.management_version,
        product_name=row.product_name,
        cluster_name=row.cluster_name,
        node=row.node,
        rates_mode=row.rates_mode,
        stats_enabled=row.disable_stats is not True,
        queues=objects.queues,
        exchanges=objects.exchanges,
        connections=objects.connections,
        channels=objects.channels,
        consumers=objects.consumers,
        messages=totals.messages,
        messages_ready=totals.messages_ready,
        messages_unacknowledged=totals.messages_unacknowledged,
        publish_rate=rate(rates.publish_details),
        deliver_get_rate=rate(rates.deliver_get_details),
        ack_rate=rate(rates.ack_details),
        listeners=tuple(
            types.Listener(listener.node, listener.protocol, listener.ip_address, listener.port)
            for listener in row.listeners or []
        ),
        exchange_types=tuple(kind.name for kind in row.exchange_types or []),
    )


def whoami(row: WhoamiRow) -> types.Whoami:
    return types.Whoami(row.name, tags(row.tags))


def depth(row: DepthRow) -> types.QueueDepth:
    return types.QueueDepth(
        row.vhost, row.name, row.messages_ready, row.messages_unacknowledged, row.messages
    )


def settling_depth(row: DepthRow) -> types.QueueDepth:
    if row.type == "quorum" and row.messages == 0:
        return types.QueueDepth(row.vhost, row.name, None, None, None)
    return depth(row)


def queue(row: QueueRow) -> types.QueueInfo:
    return types.QueueInfo(
        vhost=row.vhost,
        name=row.name,
        type=_known(row.type),
        state=_state(row.state),
        node=_known(row.node) or _known(row.leader),
        durable=row.durable,
        auto_delete=row.auto_delete,
        exclusive=row.exclusive,
        arguments=row.arguments or {},
        policy=row.policy or None,
        operator_policy=row.operator_policy or None,
        members=tuple(row.members or ()),
        online=tuple(row.online or ()),
    )


def _depth_and_consumers(row: QueueRow) -> types.QueueDepth:
    return types.QueueDepth(
        row.vhost,
        row.name,
        row.messages_ready,
        row.messages_unacknowledged,
        row.messages,
        row.consumers,
    )


def consumer(row: ConsumerRow) -> types.Consumer:
    channel = row.channel_details or ChannelDetails()
    return types.Consumer(
        tag=row.consumer_tag,
        channel=channel.name,
        connection=channel.connection_name,
        peer=channel.peer_host,
        user=channel.user,
        ack_required=row.ack_required,
        exclusive=row.exclusive,
        prefetch=row.prefetch_count,
        active=row.active,
        activity_status=row.activity_status,
        arguments=row.arguments or {},
    )


def queue_now(row: QueueNowRow) -> types.QueueNow:
    rates = row.message_stats or MessageStats()
    consumers = None
    if row.consumer_details is not None:
        consumers = tuple(CONSUMERS.of(row.consumer_details, Limits()).items)
    return types.QueueNow(
        info=queue(row),
        depth=_depth_and_consumers(row),
        consumers=consumers,
        effective_policy=row.effective_policy_definition,
        publish_rate=rate(rates.publish_details),
        deliver_get_rate=rate(rates.deliver_get_details),
        ack_rate=rate(rates.ack_details),
        memory=row.memory,
        message_bytes=row.message_bytes,
        head_message_timestamp=row.head_message_timestamp,
        idle_since=row.idle_since,
        deliver_rate=added(rates.deliver_details, rates.deliver_no_ack_details),
        redeliver_rate=rate(rates.redeliver_details),
        get_rate=added(rates.get_details, rates.get_no_ack_details),
        incoming=sent_by_exchange(row.incoming or ()),
        taken=taken_by_channel(row.deliveries or ()),
    )


def binding(row: BindingRow) -> types.Binding:
    return types.Binding(
        vhost=row.vhost,
        source=row.source,
        destination=row.destination,
        destination_type=row.destination_type,
        routing_key=row.routing_key,
        arguments=row.arguments or {},
        properties_key=row.properties_key,
    )


def published(row: PublishedRow) -> tuple[tuple[str, str], tuple[float, float]]:
    """Return the exchange with its rates in and out. Without statistics, it had no traffic."""
    stats = row.message_stats or PublishStats()
    rates = (rate(stats.publish_in_details) or 0.0, rate(stats.publish_out_details) or 0.0)
    return (row.vhost, row.name), rates


def exchange(row: ExchangeRow) -> types.ExchangeInfo:
    return types.ExchangeInfo(
        vhost=row.vhost,
        name=row.name,
        type=row.type,
        durable=row.durable,
        auto_delete=row.auto_delete,
        internal=row.internal,
        arguments=row.arguments or {},
        policy=_known(row.policy),
    )


def vhost(row: VhostRow) -> types.VhostInfo:
    return types.VhostInfo(
        name=row.name,
        description=row.description,
        tags=tags(row.tags),
        default_type=_known(row.default_type),
        tracing=row.tracing,
        protected_from_deletion=row.protected_from_deletion,
        cluster_state=row.cluster_state or {},
    )


def connection(row: ConnectionRow) -> types.Connection:
    return types.Connection(row.name, row.vhost, row.user, row.node)


def vhost_limits(row: VhostLimitsRow) -> types.VhostLimits:
    return types.VhostLimits(row.vhost, row.value or {})


def user(row: UserRow) -> types.UserInfo:
    return types.UserInfo(
        name=row.name,
        tags=tags(row.tags),
        has_password=None if row.password_hash is None else bool(row.password_hash),
        hashing_algorithm=_known(row.hashing_algorithm),
        limits=row.limits or {},
        # Computed here, so that no hash is passed on.
        has_default_password=is_default_password(
            row.name, row.password_hash, row.hashing_algorithm or ""
        ),
    )


def permission(row: PermissionRow) -> types.PermissionInfo:
    return types.PermissionInfo(row.vhost, row.user, row.configure, row.write, row.read)


OVERVIEW = Rows(OverviewRow, overview)
NODES = Rows(NodeRow, node)
WHOAMI = Rows(WhoamiRow, whoami)
DEPTHS = Rows(DepthRow, depth)
SETTLING_DEPTHS = Rows(DepthRow, settling_depth)
QUEUES = Rows(QueueRow, queue)
CONSUMERS = Rows(ConsumerRow, consumer)
CONSUMED = Rows(ConsumedRow, lambda row: (row.queue.vhost, row.queue.name))
QUEUE_NOW = Rows(QueueNowRow, queue_now)
CONNECTIONS = Rows(ConnectionRow, connection)
BINDINGS = Rows(BindingRow, binding)
EXCHANGES = Rows(ExchangeRow, exchange)
PUBLISHED = Rows(PublishedRow, published)
VHOSTS = Rows(VhostRow, vhost)
VHOST_LIMITS = Rows(VhostLimitsRow, vhost_limits)
USERS = Rows(UserRow, user)
PERMISSIONS = Rows(PermissionRow, permission)
