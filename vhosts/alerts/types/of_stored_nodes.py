"""Types that read the rows of nodes: versions, links, certificates, forecasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from vhosts.alerts.tables.choices import SubjectKind
from vhosts.alerts.tables.rules import AlertRule
from vhosts.alerts.types.declare import Figure, RuleType, Seen, Verdict
from vhosts.alerts.types.of_brokers import why_no_nodes
from vhosts.alerts.types.of_queues import is_old
from vhosts.history.forecast import forecast
from vhosts.nodes.certificates import AGAIN_AFTER
from vhosts.nodes.model import Node
from vhosts.nodes.outlook import LOOKS_BACK
from vhosts.nodes.series import points_of

#: Hours of a forecast that isn't expected to reach the limit.
_NEVER_H = 24.0 * 365


def _rows(seen: Seen) -> list[Node]:
    """Return the broker's nodes as stored; [] if none are. Several rules of an evaluation share one query."""
    if "node rows" not in seen.read:
        seen.read["node rows"] = list(Node.objects.present().filter(broker=seen.broker.pk))
    found: list[Node] = seen.read["node rows"]
    return found


def _is_known(seen: Seen, node: Node) -> bool:
    """Whether the node runs, and its row is of a recent poll: it is stored apart from the poll's status."""
    return node.running and not seen.status.is_stale(node.seen_at, seen.now)


def _why_no_rows(what: str) -> Callable[[Seen, AlertRule], str]:
    def why(seen: Seen, rule: AlertRule) -> str:
        missing = "" if _rows(seen) else f"The console hasn't read {what} from this broker."
        return why_no_nodes(seen, rule) or missing

    return why


def _unknown(node: Node, why: str = "") -> Figure:
    return Figure(None, why, SubjectKind.NODE, name=node.name)


def _versions(seen: Seen, rule: AlertRule) -> Iterator[Figure]:
    nodes = [node for node in _rows(seen) if _is_known(seen, node)]
    found = sorted({node.version for node in nodes} - {""})
    if len(found) > 1:
        yield Figure(1.0, f"Versions: {', '.join(found)}")
    elif found and all(node.version for node in nodes):
        yield Figure(0.0)
    else:
        yield Figure(None)


def _links(seen: Seen, rule: AlertRule) -> Iterator[Figure]:
    nodes = _rows(seen)
    running = {node.name for node in nodes if _is_known(seen, node)}
    for node in nodes:
        links = {str(one.get("node")) for one in node.details.get("links", ())}
        others = running - {node.name}
        # A node that runs is linked to the one that answered, so no links means that it reports none.
        if node.name not in running or (others and not links):
            yield _unknown(node)
            continue
        missing = sorted(others - links)
        detail = f"No link to {', '.join(missing)}" if missing else ""
        yield Figure(float(bool(missing)), detail, SubjectKind.NODE, name=node.name)


def _certificates(seen: Seen, rule: AlertRule) -> Iterator[Figure]:
    """The days until the first of a node's certificates expires. Without TLS there is none.

    While one of them can't be read, the others can't show that all is well.
    """
    for node in _rows(seen):
        at = node.certificates_at
        # While a node is down, it has no listeners, so an inventory stores no certificates.
        if (
            at is None
            or not node.running
            or (not node.certificates and at < node.running_since)
            or is_old(seen, at + AGAIN_AFTER)
        ):
            yield _unknown(node)
            continue
        ends = [
            (datetime.fromisoformat(one["expires_at"]), one)
            for one in node.certificates
            if "expires_at" in one
        ]
        failed = [one for one in node.certificates if "expires_at" not in one]
        figure = None
        if ends:
            end, one = min(ends, key=lambda pair: pair[0])
            days = (end - seen.now).total_seconds() / 86_400
            detail = f"{_listener(one)} expires {end:%Y-%m-%d %H:%M} UTC"
            figure = Figure(days, detail, SubjectKind.NODE, name=node.name)
        if failed and (figure is None or CERTIFICATE.judge(rule, figure.value) == Verdict.CLEAR):
            figure = _unknown(node, f"{_listener(failed[0])}: {failed[0].get('why', '')}")
        if figure is not None:
            yield figure


def _listener(certificate: Mapping[str, Any]) -> str:
    return f"{certificate.get('protocol')} on port {certificate.get('port')}"


def _disk(seen: Seen, rule: AlertRule) -> Iterator[Figure]:
    """The hours until the disk limit, by the forecast that the node's page shows."""
    for node in _rows(seen):
        if not _is_known(seen, node):
            yield _unknown(node)
            continue
        points = points_of(node, "disk_free", start=seen.now - LOOKS_BACK, end=seen.now)
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


CERTIFICATE = RuleType(
    key="certificate",
    label="Certificate expires soon",
    about=SubjectKind.NODE,
    measures="Days until it expires",
    unit="days",
    below=True,
    figures=_certificates,
    why_not=_why_no_rows("certificates"),
)
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
    CERTIFICATE,
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
