"""Rules on nodes, listeners and the cluster as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from accessctl.rights import Permission
from console.models import Broker
from vhosts.diagnosis.finding import FEW, Finding, Fix, Harm, Rule, Subject
from vhosts.diagnosis.ground import Ground, link
from vhosts.models import Queue

_NEAR = 0.8
#: Free disk below this many times the limit is near it.
_DISK = 2.0
#: Listeners that clients use, in clear text. The key is RabbitMQ's name of the protocol.
_CLEAR = {
    "amqp": "AMQP", "mqtt": "MQTT", "stomp": "STOMP", "stream": "stream protocol",
    "http": "management API", "http/web-mqtt": "MQTT over WebSockets",
    "http/web-stomp": "STOMP over WebSockets",
}  # fmt: skip
_LOOPBACK = ("127.", "::1")
#: Connections, channels and queues created a second, from which a client probably does so for each
#: message.
_CHURN = {"connection_created": 5.0, "channel_created": 20.0, "queue_declared": 20.0}
_CHURNED = {
    "connection_created": "connections opened",
    "channel_created": "channels opened",
    "queue_declared": "queues declared",
}


def _broker_finding(
    rule: Rule, broker: Broker, sentence: str, parts: Iterable[tuple[str, str]], at: Any,
    fixes: tuple[Fix, ...] = (), evidence: str = "",
) -> Finding:  # fmt: skip
    """Return a finding about the whole broker; `parts` are names with their evidence."""
    found = list(parts)
    return Finding(
        rule=rule, broker=broker, sentence=sentence, at=at, count=max(len(found), 1),
        subjects=tuple(Subject(name, "", text) for name, text in found[:FEW]),
        evidence=evidence, fixes=fixes, weight=len(found),
    )  # fmt: skip


def _alarms(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    for broker in brokers:
        if broker.status.alarms:
            yield _broker_finding(
                rule, broker, "An alarm is in effect: publishing connections are blocked.",
                [(str(one), "") for one in broker.status.alarms], broker.status.vitals_at,
            )  # fmt: skip


def _nodes_down(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    for broker in brokers:
        nodes = [node for node in broker.status.nodes if isinstance(node, dict)]
        found = [
            (str(node.get("name")), "not running") for node in nodes if node.get("running") is False
        ]
        found += [
            (str(node.get("name")), f"doesn't see {', '.join(map(str, node['partitions']))}")
            for node in nodes if node.get("partitions")
        ]  # fmt: skip
        if found:
            yield _broker_finding(
                rule, broker, f"{len(found)} of {len(nodes)} nodes are down or partitioned.", found,
                broker.status.vitals_at,
            )  # fmt: skip


def _share(used: Any, most: Any) -> float | None:
    if not isinstance(used, int) or not isinstance(most, int) or most <= 0:
        return None
    return used / most


def _resources(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    for broker in brokers:
        found = []
        for node in broker.status.nodes:
            name = str(node.get("name"))
            for label, used, most in (
                ("memory", "mem_used", "mem_limit"), ("file descriptors", "fd_used", "fd_total"),
            ):  # fmt: skip
                share = _share(node.get(used), node.get(most))
                if share is not None and share >= _NEAR:
                    found.append((name, f"{share * 100:.0f} % of its {label}"))
            free, least = node.get("disk_free"), node.get("disk_free_limit")
            if isinstance(free, int) and isinstance(least, int) and 0 < free < least * _DISK:
                found.append((name, f"{free:,} bytes of disk free, the limit is {least:,}"))
        if found:
            yield _broker_finding(
                rule, broker, "Nodes are near a limit of memory, disk or file descriptors.", found,
                broker.status.vitals_at,
            )  # fmt: skip


def _clear_text(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    for broker in brokers:
        if broker.status.vitals_at is None:
            continue
        found = sorted({
            (_CLEAR[one["protocol"]], f"port {one.get('port')}")
            for one in broker.status.listeners
            if isinstance(one, dict) and one.get("protocol") in _CLEAR
            and not str(one.get("address", "")).startswith(_LOOPBACK)
        })  # fmt: skip
        if found:
            yield _broker_finding(
                rule, broker, f"{len(found)} listener{'' if len(found) == 1 else 's'} "
                f"{'accepts' if len(found) == 1 else 'accept'} connections without TLS.", found,
                broker.status.vitals_at,
                evidence="A proxy or network in front of the broker may encrypt them; that isn't known here.",
            )  # fmt: skip


def _versions(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    for broker in brokers:
        report: Any = ground.reports[broker.pk]
        if len(set(report.versions.values())) > 1:
            yield _broker_finding(
                rule, broker, "The nodes run different versions of RabbitMQ.",
                sorted(report.versions.items()), report.read_at,
            )  # fmt: skip


def _deprecated(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    for broker in brokers:
        report: Any = ground.reports[broker.pk]
        found = [
            (one["name"], f"{one['phase']}: {one['about']}"[:300]) for one in report.deprecated
        ]
        if found:
            yield _broker_finding(
                rule, broker, f"{len(found)} deprecated feature{'' if len(found) == 1 else 's'} "
                f"{'is' if len(found) == 1 else 'are'} in use.", found, report.read_at,
                (Fix("Check upgrade readiness", link("readiness", broker=broker.pk), Permission.BROKERS_VIEW),),
            )  # fmt: skip


def _flags(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    for broker in brokers:
        report: Any = ground.reports[broker.pk]
        off = [
            one["name"]
            for one in report.flags
            if one["state"] == "disabled" and one["stability"] == "stable"
        ]
        if off:
            query = "&".join(f"flag={name}" for name in off[:100])
            yield _broker_finding(
                rule, broker, f"{len(off)} stable feature flag{'' if len(off) == 1 else 's'} "
                f"{'is' if len(off) == 1 else 'are'} disabled.", [(name, "") for name in off],
                report.read_at,
                (Fix("Enable feature flags", f"{link('cluster_flags', broker.pk)}?{query}", Permission.BROKERS_EDIT),),
            )  # fmt: skip


def _churn(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    for broker in brokers:
        report: Any = ground.reports[broker.pk]
        found = [
            (_CHURNED[name], f"{report.churn[name]:.1f}/s")
            for name, most in _CHURN.items() if (report.churn.get(name) or 0) >= most
        ]  # fmt: skip
        if found:
            yield _broker_finding(
                rule, broker, "Clients open connections, channels or queues at a high rate.", found,
                report.read_at,
            )  # fmt: skip


def _prefetch(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    wanted = {
        (broker.pk, one["vhost"], one["queue"]): one["consumers"]
        for broker in brokers for one in ground.reports[broker.pk].unlimited or ()
    }  # fmt: skip
    names = {name for _, _, name in wanted}
    rows = ground.rows(Queue, brokers).filter(name__in=names) if names else []
    places: dict[tuple[int, str], list[Any]] = {}
    for queue in rows:
        key = (queue.broker_id, queue.vhost, queue.name)
        if key in wanted and (rule.name, *key) not in ground.ignored:
            places.setdefault(key[:2], []).append((queue, wanted[key]))
    for (broker_id, vhost), found in places.items():
        broker, number = ground.broker(broker_id), len(found)
        yield Finding(
            rule=rule, broker=broker, vhost=vhost, at=ground.reports[broker_id].read_at, count=number,
            weight=number,
            subjects=tuple(
                Subject(queue.name, link("queue", queue.pk), f"{consumers} without a prefetch limit")
                for queue, consumers in found[:FEW]
            ),
            sentence=f"{number:,} queue{'' if number == 1 else 's'} {'has' if number == 1 else 'have'} "
            "consumers without a prefetch limit.",
            ignored_subjects=ground.ignored_among(rule, broker_id, vhost),
        )  # fmt: skip


_SEEN = (Permission.BROKERS_VIEW,)
RULES = (
    Rule(
        name="alarm", title="Alarm in effect", harm=Harm.STOPPED,
        why="RabbitMQ blocks publishing on the whole cluster until the alarm clears.",
        needs=("nodes",), rights=_SEEN, judge=_alarms,
    ),
    Rule(
        name="node-down", title="Node down or partitioned", harm=Harm.STOPPED,
        why="Classic queues on a node that is down are down too; quorum queues need a majority.",
        needs=("nodes",), rights=_SEEN, judge=_nodes_down,
    ),
    Rule(
        name="near-resource-limit", title="Node near a resource limit", harm=Harm.RISK,
        why="At the memory or disk limit, publishing stops on the whole cluster. Without file "
        "descriptors, new connections fail.",
        needs=("nodes",), rights=_SEEN, judge=_resources,
    ),
    Rule(
        name="mixed-versions", title="Nodes of different versions", harm=Harm.RISK,
        why="RabbitMQ supports mixed versions for the hours of a rolling upgrade only.",
        needs=("report.versions",), rights=_SEEN, judge=_versions,
    ),
    Rule(
        name="deprecated-feature", title="Deprecated features in use", harm=Harm.RISK,
        why="A later version denies or removes them.",
        needs=("report.deprecated",), rights=_SEEN, judge=_deprecated,
    ),
    Rule(
        name="feature-flags", title="Stable feature flags disabled", harm=Harm.RISK,
        why="A node of a later version doesn't start in a cluster without them.",
        needs=("report.flags",), rights=_SEEN, judge=_flags,
    ),
    Rule(
        name="no-prefetch-limit", title="Consumers without a prefetch limit", harm=Harm.RISK,
        why="RabbitMQ sends such a consumer everything that is ready. That fills its memory, and other "
        "consumers get nothing.",
        needs=("report.unlimited", "queues"), rights=(Permission.QUEUES_VIEW,), judge=_prefetch,
    ),
    Rule(
        name="clear-text-listener", title="Listener without TLS", harm=Harm.EXPOSED,
        why="Passwords and messages cross the network in clear text.",
        needs=("nodes",), rights=_SEEN, judge=_clear_text,
    ),
    Rule(
        name="churn", title="Connections or channels opened at a high rate", harm=Harm.WASTE,
        why="A client that connects for each message costs the broker far more than the message does, and "
        "can use up file descriptors and ports.",
        needs=("report.churn",), rights=_SEEN, judge=_churn,
    ),
)  # fmt: skip
