"""Findings by stored rows: rights, hostile names, ignoring, unknown, and the cost of many queues."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.models import AuditEntry, BrokerStatus
from console.scope import Scope
from tests.factories import HOSTILE, add_broker, add_queue, add_user
from vhosts.diagnosis.diagnose import diagnose
from vhosts.diagnosis.rules import RULES
from vhosts.models import ClusterReport, IgnoredFinding, Queue

pytestmark = pytest.mark.django_db


def node(name, **more):
    return {"name": name, "running": True, "partitions": [], **more}


@pytest.fixture
def broker(now):
    """A cluster of three nodes of which everything is known."""
    return add_broker(
        "main", now, nodes=[node("a"), node("b"), node("c")], vitals_at=now, consumers_at=now,
        alarms=[], rabbitmq_version="3.10.8", erlang_version="25.2",
    )  # fmt: skip


@pytest.fixture
def viewer():
    return User.objects.create_user("vera")


def granted(user, now, role=Role.VIEWER, **where):
    Grant.objects.create(user=user, role=role, created_at=now, **where)
    return User.objects.get(pk=user.pk)


def found_by(user, now, rule="", **scope):
    return diagnose(Scope(**scope), user, now, rule=rule)


def test_every_rule_is_described_and_named_once():
    assert len({rule.name for rule in RULES}) == len(RULES) >= 28
    for rule in RULES:
        assert rule.title
        assert rule.why.endswith(".")
        assert rule.needs
        assert rule.rights


def test_findings_are_limited_to_the_viewer_s_virtual_hosts_and_rights(
    broker, viewer, superuser, client, now
):
    """A finding on users needs users:view on the whole broker; one in a hidden virtual host isn't
    counted."""
    add_queue(broker, "mine", now, vhost="team")
    add_queue(broker, "theirs", now, vhost="other")
    add_user(broker, "guest", now, has_default_password=True)
    part = granted(viewer, now, broker=broker, vhost_pattern="team")
    own = found_by(part, now)
    assert {one.vhost for one in own.findings if one.rule.name == "classic-on-cluster"} == {"team"}
    assert not any(one.rule.name == "default-password" for one in own.findings)
    everything = found_by(superuser, now)
    assert {"team", "other"} <= {one.vhost for one in everything.findings}
    assert any(one.rule.name == "default-password" for one in everything.findings)
    client.force_login(part)
    page = client.get("/diagnosis/").content.decode()
    assert "mine" in page
    assert "theirs" not in page
    assert "other" not in page.split("Not judged")[0]
    assert "Ignore finding" not in page, "viewers can't ignore"
    refused = client.post(
        f"/diagnosis/{broker.pk}/ignore/?rule=classic-on-cluster&vhost=team", {"reason": "x"}
    )
    assert refused.status_code == 403
    assert not IgnoredFinding.objects.exists()


def test_rates_that_stay_the_same_are_not_out_of_date(now, superuser):
    hour_ago = now - timedelta(hours=1)
    broker = add_broker(
        "steady", now, inventory_at=now, depths_at=now, consumers_at=now, rates_at=now
    )
    add_queue(
        broker, "steady", now, ready=9, consumers=0, publish_rate=5.0, deliver_rate=0.0,
        growth_5m=9, rates_at=hour_ago,
    )  # fmt: skip
    found = found_by(superuser, now)
    assert "no-consumer" in {one.rule.name for one in found.findings}
    BrokerStatus.objects.filter(pk=broker.pk).update(
        rates_at=None, rates_unknown="The plugin is off."
    )
    Queue.objects.update(rates_at=None)
    whys = {one.rule.name: one.why for one in found_by(superuser, now).unjudged}
    assert whys["no-consumer"] == "The plugin is off."


def test_what_cannot_be_judged_is_said(now, superuser):
    broker = add_broker("dark", now, inventory_at=None)
    found = found_by(superuser, now)
    whys = {one.rule.name: one.why for one in found.unjudged}
    assert set(whys) == {rule.name for rule in RULES}, "nothing is known, so nothing is judged"
    assert not found.findings
    assert whys["no-consumer"] == "No inventory has read them yet."
    BrokerStatus.objects.filter(pk=broker.pk).update(
        inventory_at=now, part_errors={"policies": "The user lacks a tag."}
    )
    whys = {one.rule.name: one.why for one in found_by(superuser, now).unjudged}
    assert whys["mirrored-policy"] == "The user lacks a tag."
    assert "transient-queue" not in whys
    ClusterReport.objects.create(
        broker=broker, read_at=now, flags=[], why={"churn": "Statistics are disabled."}
    )
    whys = {one.rule.name: one.why for one in found_by(superuser, now).unjudged}
    assert whys["churn"] == "Statistics are disabled."
    assert "feature-flags" not in whys


def test_ignoring_needs_a_reason_is_audited_and_can_be_undone(broker, superuser, client, now):
    for number in range(3):
        add_queue(broker, f"plain {number}", now)
    client.force_login(superuser)
    address = f"/diagnosis/{broker.pk}/ignore/?rule=classic-on-cluster&vhost=%2F"
    assert "Enter a reason" in client.post(address, {"reason": " "}).content.decode()
    assert client.post(f"{address}&name=plain+1", {"reason": "rebuilt at start"}).status_code == 302
    finding = found_by(superuser, now, "classic-on-cluster").findings[0]
    assert (finding.count, finding.ignored_subjects) == (2, 1)
    client.post(address, {"reason": "a test cluster <b>"})
    found = found_by(superuser, now, "classic-on-cluster")
    assert not found.findings
    assert found.ignored[0].ignored.reason == "a test cluster <b>"
    page = client.get("/diagnosis/").content.decode()
    assert "a test cluster &lt;b&gt;" in page
    entry = AuditEntry.objects.filter(action="findings:ignore").latest("pk")
    assert (entry.broker_name, entry.reason) == ("main", "a test cluster <b>")
    row = IgnoredFinding.objects.get(name="")
    assert client.post(f"/diagnosis/ignored/{row.pk}/heed/").status_code == 302
    assert found_by(superuser, now, "classic-on-cluster").findings
    assert AuditEntry.objects.filter(action="findings:heed").exists()


def test_hostile_names_are_text(broker, superuser, client, now):
    for name in HOSTILE:
        add_queue(broker, name, now, durable=False, exclusive=False, vhost=name[:20])
    ClusterReport.objects.create(
        broker=broker, read_at=now, versions={"<i>a</i>": "3.10.8", "b": "3.11.0"},
        deprecated=[{"name": "<u>", "phase": "<s>", "about": "<script>x()</script>"}],
    )  # fmt: skip
    client.force_login(superuser)
    page = client.get("/diagnosis/")
    text = page.content.decode()
    assert page.status_code == 200
    for evil in ("<img src=x", "<svg/onload", "<script>alert", "<i>a</i>", "<u>", "<script>x()"):
        assert evil not in text
    for finding in found_by(superuser, now, "transient-queue").findings:
        asked = client.get(
            f"/diagnosis/{broker.pk}/ignore/", {"rule": "transient-queue", "vhost": finding.vhost}
        )
        assert asked.status_code == 200


def test_nodes_and_listeners(broker, superuser, now):
    BrokerStatus.objects.filter(pk=broker.pk).update(
        nodes=[
            node("a", mem_used=90, mem_limit=100, disk_free=150, disk_free_limit=100),
            node("b", running=False), node("c", partitions=["a"], fd_used=None, fd_total=10),
        ],
        alarms=["Memory on a"],
        listeners=[
            {"node": "a", "protocol": "amqp", "address": "::", "port": 5672},
            {"node": "a", "protocol": "amqp/ssl", "address": "::", "port": 5671},
            {"node": "a", "protocol": "http", "address": "127.0.0.1", "port": 15672},
            {"node": "a", "protocol": "clustering", "address": "::", "port": 25672},
        ],
    )  # fmt: skip
    ClusterReport.objects.create(
        broker=broker, read_at=now, versions={"a": "3.10.8", "b": "3.11.1"},
        churn={"connection_created": 12.0, "channel_created": 1.0},
        flags=[{"name": "x", "state": "disabled", "stability": "stable"},
               {"name": "khepri_db", "state": "disabled", "stability": "experimental"}],
        deprecated=[{"name": "global_qos", "phase": "permitted_by_default", "about": "Global QoS"}],
    )  # fmt: skip
    found = {one.rule.name: one for one in found_by(superuser, now).findings}
    assert [(s.name, s.evidence) for s in found["near-resource-limit"].subjects] == [
        ("a", "90 % of its memory"), ("a", "150 bytes of disk free, the limit is 100"),
    ]  # fmt: skip
    assert [s.name for s in found["node-down"].subjects] == ["b", "c"]
    assert [(s.name, s.evidence) for s in found["clear-text-listener"].subjects] == [
        ("AMQP", "port 5672")
    ]
    assert found["alarm"].subjects[0].name == "Memory on a"
    assert [s.evidence for s in found["churn"].subjects] == ["12.0/s"]
    assert [s.name for s in found["feature-flags"].subjects] == ["x"]
    assert found["deprecated-feature"].subjects[0].name == "global_qos"
    assert found["mixed-versions"].count == 2


def test_quorum_queues_with_an_even_number_of_members(broker, superuser, now):
    size = "x-quorum-initial-group-size"
    for number, given in enumerate(({}, {size: 2}, {size: 3}, {size: "2"})):
        add_queue(broker, f"q{number}", now, type="quorum", arguments=given)
    finding = found_by(superuser, now, "quorum-members").findings[0]
    assert [s.name for s in finding.subjects] == ["q1"]
    BrokerStatus.objects.filter(pk=broker.pk).update(nodes=[node("a"), node("b")])
    assert found_by(superuser, now, "quorum-members").findings[0].count == 4


def test_odd_values_of_limits_are_no_error(broker, superuser, now):
    """JSON of any type can stand where a number belongs."""
    for number, limit in enumerate(("5", None, [5], {"a": 1}, True, 1e30, -1, 8)):
        add_queue(broker, f"q{number}", now, ready=7, total=7, arguments={"x-max-length": limit})
    finding = found_by(superuser, now, "near-max-length").findings[0]
    assert [s.evidence for s in finding.subjects] == ["7 of 8 messages, 87 %"]


def test_the_cost_does_not_grow_with_the_queues(broker, superuser, client, now):
    client.force_login(superuser)

    def cost():
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/diagnosis/").status_code == 200
        return len(queries)

    add_queue(broker, "first", now, type="quorum")
    cost()
    few = cost()
    Queue.objects.bulk_create(
        Queue(
            broker=broker, vhost="/", name=f"q{number}", type="classic", state="running", durable=number % 2 == 0,
            auto_delete=False, exclusive=False, first_seen_at=now - timedelta(days=90), total=0, ready=0,
            unacked=0, consumers=0, depth_changed_at=now - timedelta(days=60), inventoried_at=now,
            arguments={"x-dead-letter-exchange": "none"} if number % 3 == 0 else {},
        )
        for number in range(500)
    )  # fmt: skip
    assert cost() <= few + 1, "one more to name the queues that dead letters reach"


def test_the_api_lists_ignores_and_heeds(api, broker, now):
    add_queue(broker, "plain", now)
    rows = api.get("/api/v1/findings/", {"rule": "classic-on-cluster", "broker": "main"}).json()[
        "results"
    ]
    assert [(row["vhost"], row["count"], row["harm"]) for row in rows] == [("/", 1, "risk")]
    assert rows[0]["subjects"][0]["evidence"] == "only on an unknown node"
    assert api.get("/api/v1/findings/", {"harm": "loss"}).json()["results"] == []
    assert api.get("/api/v1/findings/", {"rule": "no such"}).status_code == 400
    body = {"broker": "main", "rule": "classic-on-cluster", "vhost": "/", "reason": "lab"}
    made = api.post("/api/v1/findings/ignore/", body, format="json")
    assert made.status_code == 201, made.content
    assert (
        api.post("/api/v1/findings/ignore/", {**body, "reason": ""}, format="json").status_code
        == 400
    )
    assert api.get("/api/v1/findings/", {"rule": "classic-on-cluster"}).json()["results"] == []
    asked = {"rule": "classic-on-cluster", "ignored": "true"}
    assert api.get("/api/v1/findings/", asked).json()["results"][0]["ignored"] == "lab"
    listed = api.get("/api/v1/findings/ignored/").json()
    assert [row["reason"] for row in listed] == ["lab"]
    assert api.delete(f"/api/v1/findings/ignored/{listed[0]['id']}/").status_code == 204
    assert not IgnoredFinding.objects.exists()
    assert {"rule", "broker", "why", "broker_name"} == set(
        api.get("/api/v1/findings/unjudged/").json()[0]
    )
