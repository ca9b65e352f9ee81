"""Rows of nodes, as the management API sends them."""

from __future__ import annotations

import msgspec

from console.rabbitmq.management.records import Application, Count, Name, Number, Rate


class LinkStats(msgspec.Struct):
    send_bytes_details: Rate | None = None
    recv_bytes_details: Rate | None = None


class ClusterLinkRow(msgspec.Struct):
    """A node's connection to another one. On 3.10 the rates are in `stats`, on 4.x beside it."""

    name: str = ""
    peer_addr: str | None = None
    peer_port: Number | None = None
    stats: LinkStats | None = None
    send_bytes_details: Rate | None = None
    recv_bytes_details: Rate | None = None


class NodeRow(msgspec.Struct):
    name: Name
    running: bool = False
    type: str | None = None
    mem_used: Count | None = None
    mem_limit: Number | None = None
    mem_alarm: bool | None = None
    disk_free: Count | None = None
    disk_free_limit: Number | None = None
    disk_free_alarm: bool | None = None
    fd_used: Number | None = None
    fd_total: Number | None = None
    sockets_used: Number | None = None
    proc_used: Count | None = None
    uptime: Count | None = None
    partitions: list[str] | None = None
    enabled_plugins: list[str] | None = None
    applications: list[Application] | None = None
    being_drained: bool | None = None
    sockets_total: Number | None = None
    proc_total: Count | None = None
    run_queue: Count | None = None
    processors: Count | None = None
    os_pid: str | None = None
    rates_mode: str | None = None
    net_ticktime: Number | None = None
    mem_calculation_strategy: str | None = None
    db_dir: str | None = None
    config_files: list[str] | None = None
    log_files: list[str] | None = None
    cluster_links: list[ClusterLinkRow] | None = None
    gc_num_details: Rate | None = None
    gc_bytes_reclaimed_details: Rate | None = None
    context_switches_details: Rate | None = None
    io_read_count_details: Rate | None = None
    io_read_bytes_details: Rate | None = None
    io_read_avg_time: float | None = None
    io_write_count_details: Rate | None = None
    io_write_bytes_details: Rate | None = None
    io_write_avg_time: float | None = None
    io_sync_count_details: Rate | None = None
    io_sync_avg_time: float | None = None
    io_seek_count_details: Rate | None = None
    io_reopen_count_details: Rate | None = None
    mnesia_ram_tx_count_details: Rate | None = None
    mnesia_disk_tx_count_details: Rate | None = None
    msg_store_read_count_details: Rate | None = None
    msg_store_write_count_details: Rate | None = None
    queue_index_read_count_details: Rate | None = None
    queue_index_write_count_details: Rate | None = None
    connection_created_details: Rate | None = None
    connection_closed_details: Rate | None = None
    channel_created_details: Rate | None = None
    channel_closed_details: Rate | None = None
    queue_declared_details: Rate | None = None
    queue_created_details: Rate | None = None
    queue_deleted_details: Rate | None = None
