"""Types about a broker as a whole and its virtual hosts."""

from __future__ import annotations

from collections.abc import Iterator

from console.models.broker_states import PollState
from vhosts.alerts.tables.choices import SubjectKind
from vhosts.alerts.tables.rules import AlertRule
from vhosts.alerts.types.declare import Figure, Parameter, RuleType, Seen
from vhosts.alerts.types.of_queues import is_old, why_part_unknown
from vhosts.diagnosis.model import ClusterReport
from vhosts.virtual_hosts.model import VirtualHost


def why_no_nodes(seen: Seen, rule: AlertRule) -> str:
    """Return why the broker's nodes aren't known; "" if they are."""
    if seen.status.is_stale(seen.status.vitals_at, seen.now):
        return "The nodes weren't read for some time."
    if not seen.nodes():
        return str(seen.status.part_errors.get("nodes") or "The last poll couldn't read the nodes.")
    return ""


def not_read(what: str) -> str:
    """Return the sentence about a figure that this broker doesn't report."""
    return f"The console doesn't read {what} from this broker."


def _unseen(seen: Seen, rule: AlertRule) -> Iterator[Figure]:
    """The seconds since the last answer while the broker can't be seen; 0 while it answers."""
    status, shown = seen.status, seen.status.shown_state(seen.now)
    if shown == PollState.NEW:
        return
    if seen.answers:
        yield Figure(0.0)
        return
    since = status.answered_at or status.state_since
    why = status.error_detail or "No poll has ended for some time."
    yield Figure(max(1.0, (seen.now - since).total_seconds()), f"{shown.capitalize()}: {why}")


def _running(seen: Seen, rule: AlertRule) -> Iterator[Figure]:
    nodes = seen.nodes()
    up = [node for node in nodes if node.get("running")]
    yield Figure(len(up), f"{len(up)} of {len(nodes)} nodes run.")


def _majority(seen: Seen, rule: AlertRule) -> Iterator[Figure]:
    nodes = seen.nodes()
    up = [node for node in nodes if node.get("running")]
    lost = 2 * len(up) <= len(nodes)
    yield Figure(float(lost), f"{len(up)} of {len(nodes)} nodes run: no majority." if lost else "")


def _partition(seen: Seen, rule: AlertRule) -> Iterator[Figure]:
    apart = [str(node.get("name")) for node in seen.nodes() if node.get("partitions")]
    detail = f"These nodes don't see all others: {', '.join(sorted(apart))}." if apart else ""
    yield Figure(float(len(apart) > 0), detail)


def _connections(seen: Seen, rule: AlertRule) -> Iterator[Figure]:
    count = seen.status.connections
    if count is None:
        yield Figure(None)
    else:
        yield Figure(float(count), f"{count:,} connections")


def _report(seen: Seen) -> ClusterReport | None:
    """What the last inventory read about the cluster. Several rules of an evaluation share one query."""
    if "cluster report" not in seen.read:
        seen.read["cluster report"] = ClusterReport.objects.filter(broker=seen.broker.pk).first()
    found: ClusterReport | None = seen.read["cluster report"]
    return found


def _churn(seen: Seen, rule: AlertRule) -> Iterator[Figure]:
    report, count = _report(seen), seen.status.connections
    opened = (report.churn or {}).get("connection_created") if report else None
    if opened is None or count is None:
        yield Figure(None)
    elif count < CHURN.parameter(rule, "least"):
        yield Figure(0.0)
    else:
        detail = f"{opened:,.1f} connections opened a second, {count:,} open"
        yield Figure(100 * 60 * opened / max(1, count), detail)


def _why_no_churn(seen: Seen, rule: AlertRule) -> str:
    report = _report(seen)
    if report is None:
        return "No inventory has read how often connections are opened yet."
    if report.churn is None:
        return str(report.why.get("churn") or not_read("how often connections are opened"))
    return "The last inventory is out of date." if is_old(seen, report.read_at) else ""


def _slow(seen: Seen, rule: AlertRule) -> Iterator[Figure]:
    took = seen.status.answer_ms
    yield Figure(None if took is None else float(took), f"The first request took {took or 0:,} ms.")


def _vhosts(seen: Seen, rule: AlertRule) -> Iterator[Figure]:
    rows = VirtualHost.objects.filter(broker=seen.broker.pk).exclude(cluster_state={}).order_by()
    for name, states in rows.values_list("name", "cluster_state"):
        bad = sorted(f"{state} on {node}" for node, state in states.items() if state != "running")
        yield Figure(float(bool(bad)), ", ".join(bad), SubjectKind.VHOST, vhost=name)


def _why_no_vhosts(seen: Seen, rule: AlertRule) -> str:
    return why_part_unknown(seen, "vhost")


def _overdue(seen: Seen, rule: AlertRule) -> Iterator[Figure]:
    late = (seen.now - seen.status.next_poll_at).total_seconds()
    late = late if seen.broker.enabled else 0.0
    yield Figure(max(0.0, late), f"The next poll was due {late:,.0f} s ago. Is a worker running?")


CHURN = RuleType(
    key="connection_churn",
    label="Connections are opened too often",
    about=SubjectKind.BROKER,
    measures="Connections opened in a minute, of those open",
    unit="%",
    parameters=(Parameter("least", "From this many connections", 100),),
    figures=_churn,
    why_not=_why_no_churn,
)

OF_BROKERS = (
    RuleType(
        key="broker_down",
        label="Broker can't be seen",
        about=SubjectKind.BROKER,
        measures="Seconds without an answer",
        unit="s",
        figures=_unseen,
        needs_no_answer=True,
    ),
    RuleType(
        key="poll_overdue",
        label="Polls are overdue",
        about=SubjectKind.BROKER,
        measures="Seconds since the next poll was due",
        unit="s",
        figures=_overdue,
        needs_no_answer=True,
    ),
    RuleType(
        key="running_nodes",
        label="Too few running nodes",
        about=SubjectKind.BROKER,
        measures="Running nodes",
        unit="nodes",
        below=True,
        figures=_running,
        why_not=why_no_nodes,
    ),
    RuleType(
        key="no_majority",
        label="No majority of nodes",
        about=SubjectKind.BROKER,
        measures="No majority",
        threshold=False,
        figures=_majority,
        why_not=why_no_nodes,
    ),
    RuleType(
        key="partition",
        label="Network partition",
        about=SubjectKind.BROKER,
        measures="Partitioned",
        threshold=False,
        figures=_partition,
        why_not=why_no_nodes,
    ),
    RuleType(
        key="connections",
        label="Too many connections",
        about=SubjectKind.BROKER,
        measures="Connections",
        unit="connections",
        figures=_connections,
    ),
    CHURN,
    RuleType(
        key="slow_answer",
        label="Slow answers of the API",
        about=SubjectKind.BROKER,
        measures="Time of the first request",
        unit="ms",
        figures=_slow,
    ),
    RuleType(
        key="vhost_down",
        label="Virtual host doesn't run",
        about=SubjectKind.VHOST,
        measures="Not running",
        threshold=False,
        uses=frozenset({"vhost_pattern"}),
        figures=_vhosts,
        why_not=_why_no_vhosts,
    ),
)
