"""Types that read the rows of nodes: versions, links, certificates, forecasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from vhosts.alerts.tables.choices import SubjectKind
from vhosts.alerts.tables.rules import AlertRule
from vhosts.alerts.types.declare import Figure, RuleType, Seen
from vhosts.alerts.types.of_brokers import why_no_nodes
from vhosts.history.forecast import forecast
from vhosts.nodes.model import Node
from vhosts.nodes.series import points_of

_LOOKS_BACK = timedelta(hours=6)
#: Hours of a forecast that isn't expected to reach the limit.
_NEVER_H = 24.0 * 365


def _rows(seen: Seen) -> list[Node]:
    """Return the broker's nodes as stored; [] if none are."""
    return list(Node.objects.present().filter(broker=seen.broker.pk))


def _why_no_rows(what: str) -> Callable[[Seen, AlertRule], str]:
    def why(seen: Seen, rule: AlertRule) -> str:
        missing = "" if _rows(seen) else f"The console hasn't read {what} from this broker."
        return why_no_nodes(seen, rule) or missing

    return why


def _versions(seen: Seen, rule: AlertRule) -> Iterator[Figure]:
    found = sorted({str(node.version) for node in _rows(seen) if node.running})
    if "" in found:
        yield Figure(None)
    else:
        mixed = len(found) > 1
        yield Figure(float(mixed), f"Versions: {', '.join(found)}" if mixed else "")


def _links(seen: Seen, rule: AlertRule) -> Iterator[Figure]:
    nodes = _rows(seen)
    running = {str(node.name) for node in nodes if node.running}
    for node in nodes:
        links = node.details.get("links") if isinstance(node.details, dict) else None
        if not node.running or not isinstance(links, list):
            yield Figure(None, kind=SubjectKind.NODE, name=node.name)
            continue
        missing = sorted(running - {str(one.get("node")) for one in links} - {str(node.name)})
        detail = f"No link to {', '.join(missing)}" if missing else ""
        yield Figure(float(bool(missing)), detail, SubjectKind.NODE, name=node.name)


def _certificates(seen: Seen, rule: AlertRule) -> Iterator[Figure]:
    """The days until the first of a node's certificates expires. Without TLS there is none."""
    for node in _rows(seen):
        ends = [
            (datetime.fromisoformat(one["expires_at"]), one)
            for one in node.certificates
            if "expires_at" in one
        ]
        if ends:
            end, one = min(ends, key=lambda pair: pair[0])
            detail = (
                f"{one.get('protocol')} on port {one.get('port')} expires {end:%Y-%m-%d %H:%M} UTC"
            )
            days = (end - seen.now).total_seconds() / 86_400
            yield Figure(days, detail, SubjectKind.NODE, name=node.name)
        elif node.certificates:
            why = str(node.certificates[0].get("why", ""))
            yield Figure(None, why, SubjectKind.NODE, name=node.name)


def _disk(seen: Seen, rule: AlertRule) -> Iterator[Figure]:
    """The hours until the disk limit, by the forecast that the node's page shows."""
    for node in _rows(seen):
        if not node.running:
            yield Figure(None, kind=SubjectKind.NODE, name=node.name)
            continue
        points = points_of(node, "disk_free", start=seen.now - _LOOKS_BACK, end=seen.now)
        found = forecast(points, node.disk_free_limit, now=seen.now, rising=False)
        hours: float | None = _NEVER_H
        if found.outcome == "unknown":
            hours = None
        elif found.outcome == "reached":
            hours = 0.0
        elif found.at is not None:
            hours = (found.at - seen.now).total_seconds() / 3600
        detail = f"{found.confidence} confidence" if found.confidence else ""
        yield Figure(hours, detail, SubjectKind.NODE, name=node.name)


OF_STORED_NODES = (
    RuleType(
        key="mixed_versions",
        label="Nodes run different versions",
        about=SubjectKind.BROKER,
        measures="Mixed",
        threshold=False,
        figures=_versions,
        why_not=_why_no_rows("each node's version"),
    ),
    RuleType(
        key="links",
        label="Links between nodes are missing",
        about=SubjectKind.NODE,
        measures="Missing",
        threshold=False,
        figures=_links,
        why_not=_why_no_rows("links between nodes"),
    ),
    RuleType(
        key="certificate",
        label="Certificate expires soon",
        about=SubjectKind.NODE,
        measures="Days until it expires",
        unit="days",
        below=True,
        figures=_certificates,
        why_not=_why_no_rows("certificates"),
    ),
    RuleType(
        key="disk_forecast",
        label="Disk will be full",
        about=SubjectKind.NODE,
        measures="Hours until the disk limit",
        unit="h",
        below=True,
        figures=_disk,
        why_not=_why_no_rows("nodes"),
    ),
)
