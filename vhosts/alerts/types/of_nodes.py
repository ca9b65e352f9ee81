"""Types about nodes, read from what the last poll stored of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from vhosts.alerts.tables.choices import SubjectKind
from vhosts.alerts.tables.rules import AlertRule
from vhosts.alerts.types.declare import Figure, RuleType, Seen
from vhosts.alerts.types.of_brokers import why_no_nodes

Node = dict[str, Any]


def _each(read: Callable[[Node, Seen], tuple[float | None, str]], *, down: bool = False) -> Any:
    """Return `figures` that read each running node (`down`: each node)."""

    def figures(seen: Seen, rule: AlertRule) -> Iterator[Figure]:
        for node in seen.nodes():
            name = str(node.get("name"))
            if node.get("running") or down:
                value, detail = read(node, seen)
            else:
                value, detail = None, ""
            yield Figure(value, detail, SubjectKind.NODE, name=name)

    return figures


def _flag(field: str, sentence: str) -> Callable[[Node, Seen], tuple[float | None, str]]:
    def read(node: Node, seen: Seen) -> tuple[float | None, str]:
        found = node.get(field)
        return (None if found is None else float(bool(found))), sentence

    return read


def _share(used: str, limit: str, what: str) -> Callable[[Node, Seen], tuple[float | None, str]]:
    def read(node: Node, seen: Seen) -> tuple[float | None, str]:
        part, whole = _number(node.get(used)), _number(node.get(limit))
        if part is None or not whole:
            return None, ""
        return 100 * part / whole, f"{part:,.0f} of {whole:,.0f} {what}"

    return read


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None


def _down(node: Node, seen: Seen) -> tuple[float | None, str]:
    running = node.get("running")
    return (None if running is None else float(not running)), "The node is down."


def _disk(node: Node, seen: Seen) -> tuple[float | None, str]:
    free, limit = _number(node.get("disk_free")), _number(node.get("disk_free_limit"))
    if free is None or not limit:
        return None, ""
    return free / limit, f"{free:,.0f} bytes free; the limit is {limit:,.0f}"


def _uptime(node: Node, seen: Seen) -> tuple[float | None, str]:
    uptime = _number(node.get("uptime_ms"))
    return (None, "") if uptime is None else (uptime / 60_000, f"Up for {uptime / 60_000:,.0f} min")


def _type(key: str, label: str, measures: str, figures: Any, **more: Any) -> RuleType:
    return RuleType(
        key=key,
        label=label,
        about=SubjectKind.NODE,
        measures=measures,
        figures=figures,
        **{"why_not": why_no_nodes, **more},
    )


OF_NODES = (
    _type("node_down", "Node is down", "Down", _each(_down, down=True), threshold=False),
    _type(
        "memory_alarm", "Memory alarm", "Alarm",
        _each(_flag("mem_alarm", "Publishers are blocked: the node is over its memory watermark.")),
        threshold=False,
    ),
    _type(
        "disk_alarm", "Disk alarm", "Alarm",
        _each(_flag("disk_free_alarm", "Publishers are blocked: the disk is below its free limit.")),
        threshold=False,
    ),
    _type(
        "memory_used", "Memory near its watermark", "Memory used, of the watermark",
        _each(_share("mem_used", "mem_limit", "bytes")), unit="%",
    ),
    _type(
        "disk_free", "Disk nearly full", "Free disk, as a multiple of the limit", _each(_disk),
        unit="x", below=True,
    ),
    _type(
        "file_descriptors", "File descriptors near their limit", "File descriptors used",
        _each(_share("fd_used", "fd_total", "file descriptors")), unit="%",
    ),
    _type(
        "restarted", "Node restarted", "Minutes since the start", _each(_uptime), unit="min",
        below=True,
    ),
)  # fmt: skip
