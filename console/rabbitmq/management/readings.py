"""Convert rows of the management API to the types of `console.rabbitmq.types`."""

from __future__ import annotations

from console.rabbitmq import types
from console.rabbitmq.endpoint import Limits
from console.rabbitmq.management.decode import Rows
from console.rabbitmq.management.flows import added, sent_by_exchange, taken_by_channel
from console.rabbitmq.management.records import (
    BindingRow,
    ChannelDetails,
    ClusterLinkRow,
    ConnectionRow,
    ConsumedRow,
    ConsumerRow,
    DepthRow,
    ExchangeRow,
    LinkStats,
    MessageStats,
    NodeRow,
    ObjectTotals,
    OverviewRow,
    PermissionRow,
    PublishedRow,
    PublishStats,
    QueueNowRow,
    QueueRow,
    Rate,
    Tags,
    Totals,
    UserRow,
    VhostLimitsRow,
    VhostRow,
    WhoamiRow,
)
from console.rabbitmq.passwords import is_default_password

_NO_PLUGINS = {"rabbitmq_cli", "rabbitmq_prelaunch"}  # by their names, they could be


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


def _rate(said: Rate | None) -> float | None:
    return said.rate if said else None


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
        publish_rate=_rate(rates.publish_details),
        deliver_get_rate=_rate(rates.deliver_get_details),
        ack_rate=_rate(rates.ack_details),
        listeners=tuple(
            types.Listener(listener.node, listener.protocol, listener.ip_address, listener.port)
            for listener in row.listeners or []
        ),
        exchange_types=tuple(kind.name for kind in row.exchange_types or []),
    )


def node(row: NodeRow) -> types.Node:
    return types.Node(
        name=row.name,
        running=row.running,
        type=row.type,
        mem_used=row.mem_used,
        mem_limit=row.mem_limit,
        mem_alarm=row.mem_alarm,
        disk_free=row.disk_free,
        disk_free_limit=row.disk_free_limit,
        disk_free_alarm=row.disk_free_alarm,
        fd_used=row.fd_used,
        fd_total=row.fd_total,
        sockets_used=row.sockets_used,
        proc_used=row.proc_used,
        uptime_ms=row.uptime,
        partitions=tuple(row.partitions or ()),
        enabled_plugins=tuple(row.enabled_plugins or ()),
        running_plugins=_running_plugins(row),
        being_drained=row.being_drained,
        more=_details(row),
    )


#: Rates of a node by their name here.
_RATES = {
    "gc_rate": "gc_num",
    "gc_bytes_rate": "gc_bytes_reclaimed",
    "switch_rate": "context_switches",
    "read_rate": "io_read_count",
    "read_bytes_rate": "io_read_bytes",
    "write_rate": "io_write_count",
    "write_bytes_rate": "io_write_bytes",
    "sync_rate": "io_sync_count",
    "seek_rate": "io_seek_count",
    "reopen_rate": "io_reopen_count",
    "ram_tx_rate": "mnesia_ram_tx_count",
    "disk_tx_rate": "mnesia_disk_tx_count",
    "store_read_rate": "msg_store_read_count",
    "store_write_rate": "msg_store_write_count",
    "index_read_rate": "queue_index_read_count",
    "index_write_rate": "queue_index_write_count",
    "connection_open_rate": "connection_created",
    "connection_close_rate": "connection_closed",
    "channel_open_rate": "channel_created",
    "channel_close_rate": "channel_closed",
    "queue_declare_rate": "queue_declared",
    "queue_create_rate": "queue_created",
    "queue_delete_rate": "queue_deleted",
}
_NUMBERS = (
    "sockets_total", "proc_total", "run_queue", "processors", "net_ticktime", "io_read_avg_time",
    "io_write_avg_time", "io_sync_avg_time",
)  # fmt: skip
_FACTS = ("os_pid", "rates_mode", "mem_calculation_strategy", "db_dir")
#: Most files and links of a node that are kept.
_MOST = 64


def _details(row: NodeRow) -> types.NodeDetails | None:
    if not row.running:
        return None
    versions = {one.name: one.version for one in row.applications or ()}
    told = {name: _rate(getattr(row, f"{source}_details")) for name, source in _RATES.items()}
    told |= {name: getattr(row, name) for name in _NUMBERS}
    return types.NodeDetails(
        version=versions.get("rabbit", ""),
        facts={name: text for name in _FACTS if (text := getattr(row, name))},
        figures={name: value for name, value in told.items() if value is not None},
        config_files=tuple((row.config_files or ())[:_MOST]),
        log_files=tuple((row.log_files or ())[:_MOST]),
        links=tuple(_link(one) for one in (row.cluster_links or ())[:_MOST]),
    )


def _link(row: ClusterLinkRow) -> dict[str, str | float | None]:
    stats = row.stats or LinkStats()
    port = f":{row.peer_port}" if row.peer_port is not None else ""
    return {
        "node": row.name,
        "address": f"{row.peer_addr}{port}" if row.peer_addr else "",
        "sent": _rate(row.send_bytes_details or stats.send_bytes_details),
        "received": _rate(row.recv_bytes_details or stats.recv_bytes_details),
    }


def _running_plugins(row: NodeRow) -> tuple[str, ...] | None:
    """Plugins that were enabled, and what they need. None where the node doesn't name its applications."""
    running, enabled = {one.name for one in row.applications or ()}, row.enabled_plugins or ()
    plugins = {name for name in running if name in enabled or name.startswith("rabbitmq_")}
    return tuple(sorted(plugins - _NO_PLUGINS)) if running else None


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
        publish_rate=_rate(rates.publish_details),
        deliver_get_rate=_rate(rates.deliver_get_details),
        ack_rate=_rate(rates.ack_details),
        memory=row.memory,
        message_bytes=row.message_bytes,
        head_message_timestamp=row.head_message_timestamp,
        idle_since=row.idle_since,
        deliver_rate=added(rates.deliver_details, rates.deliver_no_ack_details),
        redeliver_rate=_rate(rates.redeliver_details),
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
    rates = (_rate(stats.publish_in_details) or 0.0, _rate(stats.publish_out_details) or 0.0)
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
