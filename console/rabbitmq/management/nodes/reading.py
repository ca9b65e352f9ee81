"""Convert a node's row of the management API."""

from __future__ import annotations

from console.rabbitmq import types
from console.rabbitmq.management.nodes.rows import ClusterLinkRow, LinkStats, NodeRow
from console.rabbitmq.management.records import Rate

_NO_PLUGINS = {"rabbitmq_cli", "rabbitmq_prelaunch"}  # by their names, they could be


def rate(said: Rate | None) -> float | None:
    return said.rate if said else None


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
    told = {name: rate(getattr(row, f"{source}_details")) for name, source in _RATES.items()}
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
        "sent": rate(row.send_bytes_details or stats.send_bytes_details),
        "received": rate(row.recv_bytes_details or stats.recv_bytes_details),
    }


def _running_plugins(row: NodeRow) -> tuple[str, ...] | None:
    """Plugins that were enabled, and what they need. None where the node doesn't name its applications."""
    running, enabled = {one.name for one in row.applications or ()}, row.enabled_plugins or ()
    plugins = {name for name in running if name in enabled or name.startswith("rabbitmq_")}
    return tuple(sorted(plugins - _NO_PLUGINS)) if running else None
