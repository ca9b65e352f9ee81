"""Rules over the rows of nodes, as vhosts.nodes stores them. Real Postgres."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from console.models import BrokerStatus
from console.rabbitmq import types
from tests.vhosts.alerts.conftest import Clock
from vhosts.alerts.evaluate.passes import evaluate
from vhosts.history import partitions
from vhosts.models import AlertEvaluation, AlertIncident, AlertRule, Node, NodeSample
from vhosts.nodes.keep import keep_nodes
from vhosts.polling.depths.rows import Slot

pytestmark = pytest.mark.django_db


def node(name: str, *links: str, version: str = "3.10.8", **more: Any) -> types.Node:
    """A running node, as a poll reads it."""
    rows: list[dict[str, str | float | None]] = [
        {"node": one, "address": "", "sent": None, "received": None} for one in links
    ]
    return types.Node(
        name, True, more=types.NodeDetails(version=version, links=tuple(rows)), **more
    )


def down(name: str) -> types.Node:
    return types.Node(name, False)


def outcome(
    clock: Clock, rule: AlertRule, *nodes: types.Node, after_s: float = 10
) -> dict[str, str]:
    """Poll the nodes, evaluate, and return {node: state} of the rule's newest incidents."""
    at = clock.now + timedelta(seconds=after_s)
    partitions.make_ahead(at)
    status = BrokerStatus.objects.get(pk=clock.broker.pk)
    keep_nodes(Slot(clock.broker.pk, status.claim, at, 10), types.Listing(list(nodes)), at)
    clock.poll(after_s, nodes=[{"name": one.name, "running": one.running} for one in nodes])
    assert not AlertEvaluation.objects.get(broker=clock.broker).broken
    found = AlertIncident.objects.filter(rule=rule).order_by("pk")
    return dict(found.values_list("name", "state"))


def test_mixed_versions(clock, rule) -> None:
    made = rule("mixed_versions")
    a, b = node("a", "b"), node("b", "a")
    newer = node("b", "a", version="3.11.1")
    assert outcome(clock, made, a, b) == {}
    assert outcome(clock, made, a, newer) == {"": "firing"}
    assert AlertIncident.objects.get().detail == "Versions: 3.10.8, 3.11.1"
    unversioned = node("b", "a", version="")
    assert outcome(clock, made, a, unversioned) == {"": "no_data"}
    assert outcome(clock, made, a, newer, node("c", "a", "b", version="")) == {"": "firing"}
    assert outcome(clock, made, down("a"), down("b")) == {"": "no_data"}
    assert outcome(clock, made, a, b) == {"": "resolved"}


def test_links_between_running_nodes(clock, rule) -> None:
    made = rule("links")
    whole = node("a", "b", "c"), node("b", "a", "c"), node("c", "a", "b")
    assert outcome(clock, made, node("a")) == {}, "A single node has no links."
    assert outcome(clock, made, *whole) == {}
    assert outcome(clock, made, whole[0], node("b", "a"), whole[2]) == {"b": "firing"}
    assert AlertIncident.objects.get().detail == "No link to c"
    unreported = node("b")
    assert outcome(clock, made, whole[0], unreported, whole[2]) == {"b": "no_data"}
    assert outcome(clock, made, whole[0], down("b"), node("c", "a")) == {"b": "no_data"}
    assert outcome(clock, made, *whole) == {"b": "resolved"}


def test_nodes_that_report_no_links_miss_none(clock, rule) -> None:
    made = rule("links")
    assert outcome(clock, made, node("a"), node("b")) == {}


def _certificates(clock: Clock, *rows: dict[str, Any]) -> None:
    """Store what an inventory read of the listeners of node `a`."""
    Node.objects.filter(name="a").update(certificates=list(rows), certificates_at=clock.now)


def _ends(clock: Clock, days: float, port: int = 5671) -> dict[str, Any]:
    at = clock.now + timedelta(days=days)
    return {"protocol": "amqp/ssl", "port": port, "expires_at": at.isoformat()}


UNREAD = {"protocol": "https", "port": 15671, "why": "Connection refused."}


def test_a_certificate_that_expires(clock, rule) -> None:
    made = rule("certificate", threshold=30)
    assert outcome(clock, made, node("a")) == {}, "No inventory has read it yet."
    _certificates(clock, _ends(clock, 90))
    assert outcome(clock, made, node("a")) == {}
    _certificates(clock, _ends(clock, 90), _ends(clock, 29, 5672), UNREAD)
    assert outcome(clock, made, node("a")) == {"a": "firing"}
    incident = AlertIncident.objects.get()
    assert incident.value == pytest.approx(29, abs=0.01)
    assert incident.detail.startswith("amqp/ssl on port 5672 expires 2026-03-30 ")
    _certificates(clock, _ends(clock, 90), UNREAD)
    assert outcome(clock, made, node("a")) == {"a": "no_data"}, "It may be the one that expires."
    _certificates(clock, _ends(clock, -1))
    assert outcome(clock, made, node("a")) == {"a": "firing"}
    _certificates(clock, _ends(clock, 90))
    assert outcome(clock, made, node("a")) == {"a": "resolved"}


def test_a_certificate_of_a_node_that_is_down_or_just_started_is_unknown(clock, rule) -> None:
    made = rule("certificate", threshold=30)
    outcome(clock, made, node("a"), node("b"))
    _certificates(clock, _ends(clock, 3))
    assert outcome(clock, made, node("a"), node("b")) == {"a": "firing"}
    assert outcome(clock, made, down("a"), node("b")) == {"a": "no_data"}
    _certificates(clock)
    assert outcome(clock, made, down("a"), node("b")) == {"a": "no_data"}
    assert outcome(clock, made, node("a"), node("b")) == {"a": "no_data"}
    _certificates(clock)
    assert outcome(clock, made, node("a"), node("b")) == {"a": "resolved"}, "No TLS any more."


def test_a_certificate_that_no_inventory_reads_any_more_is_unknown(clock, rule) -> None:
    made = rule("certificate", threshold=30)
    outcome(clock, made, node("a"))
    _certificates(clock, _ends(clock, 3))
    assert outcome(clock, made, node("a"), after_s=3600) == {"a": "firing"}
    assert outcome(clock, made, node("a"), after_s=3600) == {"a": "no_data"}


def _disk(clock: Clock, per_minute: int) -> types.Node:
    """Store two hours of free disk space that ends at 1,000,000 bytes; the limit is 500,000."""
    made = node("a", disk_free=1_000_000, disk_free_limit=500_000)
    found = Node.objects.get(name="a")
    NodeSample.objects.filter(node_id=found.pk).delete()
    partitions.make_ahead(clock.now, back_days=1)
    NodeSample.objects.bulk_create(
        NodeSample(
            node_id=found.pk,
            at=clock.now - timedelta(minutes=minute),
            disk_free=1_000_000 - per_minute * minute,
        )
        for minute in range(1, 121)
    )
    return made


def test_a_disk_that_fills(clock, rule) -> None:
    made = rule("disk_forecast", threshold=24)
    first = node("a", disk_free=1_000_000, disk_free_limit=500_000)
    assert outcome(clock, made, first) == {}, "Too little history."
    assert outcome(clock, made, _disk(clock, -1_200)) == {"a": "firing"}
    incident = AlertIncident.objects.get()
    assert incident.value == pytest.approx(500 / 72, abs=0.3)
    assert incident.detail == "high confidence"
    unlimited = replace(first, disk_free_limit=None)
    assert outcome(clock, made, unlimited) == {"a": "no_data"}
    assert outcome(clock, made, down("a")) == {"a": "no_data"}
    assert outcome(clock, made, _disk(clock, 1_000)) == {"a": "resolved"}
    full = replace(first, disk_free=400_000)
    outcome(clock, made, full, after_s=60)
    assert outcome(clock, made, full) == {"a": "firing"}
    assert AlertIncident.objects.latest("pk").value == 0


@pytest.mark.parametrize("kind", ["links", "disk_forecast"])
def test_rows_that_no_poll_keeps_any_more_are_unknown(clock, rule, kind) -> None:
    made = rule(kind, threshold=24)
    bad = node("a", "c", disk_free=1, disk_free_limit=500_000), node("b", "a")
    outcome(clock, made, *bad)
    assert outcome(clock, made, *bad)["a"] == "firing"
    clock.poll(300)
    assert AlertIncident.objects.get(name="a").state == "no_data"
    assert not evaluate(clock.broker.pk, clock.now), "It is evaluated already."
