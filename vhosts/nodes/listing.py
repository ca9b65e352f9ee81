"""The list of nodes: columns, filters, and the state of a node."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Case, CharField, F, Q, Value, When
from django.db.models.functions import NullIf

from console.faces.lists import Column, Filter, ListSpec, contains, equals
from vhosts.nodes.certificates import earliest_expiry
from vhosts.nodes.model import Node, NodeQuerySet

STATES = {
    "down": "Down",
    "partitioned": "Partitioned",
    "alarm": "Alarm",
    "draining": "Draining",
    "running": "Running",
}
#: The worst that applies, in SQL.
_STATE = Case(
    When(running=False, then=Value("down")),
    When(~Q(partitions=[]), then=Value("partitioned")),
    When(Q(mem_alarm=True) | Q(disk_free_alarm=True), then=Value("alarm")),
    When(being_drained=True, then=Value("draining")),
    default=Value("running"),
    output_field=CharField(),
)
_WORST_FIRST = Case(
    *(When(state=state, then=Value(rank)) for rank, state in enumerate(STATES)),
    default=Value(len(STATES)),
)


def with_state(rows: NodeQuerySet) -> Any:
    """Annotate each node with `state`, one of STATES, as of when it was read."""
    return rows.annotate(state=_STATE).annotate(harm=_WORST_FIRST)


def share(used: str, limit: str) -> Any:
    return F(used) * 1.0 / NullIf(F(limit), Value(0))


def why_unknown(node: Node) -> str:
    """Return why a figure of the node is unknown."""
    if not node.running:
        return "The node is down: it reports no figures."
    if node.broker.status.stats_enabled is False:
        return "The broker runs with statistics disabled."
    return "The node doesn't report it."


def _figure(key: str, label: str, order: Any, help: str = "", **more: Any) -> Column:  # noqa: A002
    return Column(
        key=key,
        label=label,
        order=[order, "name"],
        value=lambda node: getattr(node, more.get("column", key)),
        align="end",
        descending_first=more.get("descending", True),
        shown=more.get("shown", True),
        help=help,
    )


def _expiry(node: Node) -> datetime | None:
    return earliest_expiry(node)


LISTING = ListSpec(
    name="nodes",
    default_sort="state",
    tiebreak=("broker__name", "name", "id"),
    columns=[
        Column(key="name", label="Node", order=["name"], value=lambda node: node.name),
        Column(key="broker", label="Broker", order=["broker__name", "name"], value=lambda node: node.broker.name),
        Column(key="state", label="State", order=["harm", "name"], value=lambda node: STATES[node.state],
               help="Needs attention first."),
        Column(key="version", label="Version", order=["version", "name"], value=lambda node: node.version or None),
        _figure("memory", "Memory", share("mem_used", "mem_limit"), "Used, of the watermark.", column="mem_used"),
        _figure("disk", "Disk free", share("disk_free", "disk_free_limit"), "Free, over the limit.",
                column="disk_free", descending=False),
        _figure("fd", "File descriptors", share("fd_used", "fd_total"), "Used, of those the system allows.",
                column="fd_used"),
        _figure("sockets", "Sockets", "sockets_used", "Open sockets.", column="sockets_used", shown=False),
        _figure("processes", "Processes", share("proc_used", "proc_total"), "Erlang processes.", column="proc_used",
                shown=False),
        _figure("run_queue", "Run queue", "run_queue", "Erlang processes that wait for a processor."),
        _figure("uptime", "Uptime", "uptime_ms", "Since the node started.", column="uptime_ms"),
        Column(key="certificate", label="Certificate", value=_expiry,
               help="When the first certificate of its TLS listeners expires."),
        Column(key="seen", label="Read", order=["seen_at"], value=lambda node: node.seen_at, descending_first=True),
    ],
    filters=[
        Filter(key="search", label="Name", where=contains("name"), help="Part of the name."),
        Filter(key="state", label="State", kind="choice", choices=STATES, where=equals("state")),
    ],
)  # fmt: skip
