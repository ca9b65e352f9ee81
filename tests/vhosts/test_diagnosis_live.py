"""Findings on a live broker: each fault is made on RabbitMQ, then polled, then found."""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from console.scope import Scope
from vhosts.diagnosis.diagnose import diagnose
from vhosts.models import ClusterReport, Exchange, Queue

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(make_broker):
    return make_broker()


@pytest.fixture
def look(broker, superuser, poll_now, inventory_now):
    """look(vhost, rule) -> findings, after a poll and an inventory; `again` False: of what is stored."""

    def find(vhost, rule="", *, again=True):
        if again:
            poll_now(broker)
            inventory_now(broker)
        broker.refresh_from_db()
        scope = Scope(
            broker=type(broker).objects.select_related("status").get(pk=broker.pk), vhost=vhost
        )
        return diagnose(scope, superuser, timezone.now(), rule=rule)

    return find


def until(holds):
    """Wait for what RabbitMQ counts some seconds later."""
    for _ in range(40):
        if found := holds():
            return found
        time.sleep(0.5)
    raise AssertionError("RabbitMQ didn't report it")


def names(found):
    return {one.rule.name for one in found.findings}


def one(found, rule):
    return next(finding for finding in found.findings if finding.rule.name == rule)


def test_dead_letters_that_lead_nowhere(look, broker, scratch_vhost, live_broker):
    """By argument and by policy: no exchange, an exchange without bindings, a queue that nobody reads."""
    vhost = scratch_vhost.name
    scratch_vhost.declare("orders", **{"x-dead-letter-exchange": "no such"})
    scratch_vhost.declare("by policy")
    scratch_vhost.declare("to nowhere", **{"x-dead-letter-exchange": "lonely"})
    live_broker.call("PUT", "exchanges", vhost, "lonely", body={"type": "fanout"})
    live_broker.call("PUT", "exchanges", vhost, "dlx", body={"type": "fanout"})
    live_broker.call(
        "PUT",
        "exchanges",
        vhost,
        "front",
        body={"type": "topic", "arguments": {"alternate-exchange": "gone <b>"}},
    )
    live_broker.call("PUT", "policies", vhost, "dead", body={
        "pattern": "^by", "apply-to": "queues", "definition": {"dead-letter-exchange": "dlx"}, "priority": 1,
    })  # fmt: skip
    scratch_vhost.declare("graveyard")
    live_broker.call(
        "POST", "bindings", vhost, "e", "dlx", "q", "graveyard", body={"routing_key": ""}
    )
    scratch_vhost.publish("graveyard", 2)
    found = until(lambda: (f := look(vhost)) and "dead-letters-unread" in names(f) and f)
    missing = one(found, "dead-letter-exchange-missing")
    assert [(s.name, s.evidence) for s in missing.subjects] == [
        ("orders", "dead letters to no such, which doesn't exist")
    ]
    assert "exchanges/new/" in missing.fixes[0].url
    assert "name=no+such" in missing.fixes[0].url
    assert [s.name for s in one(found, "dead-letters-unroutable").subjects] == ["to nowhere"]
    assert [s.name for s in one(found, "alternate-exchange-missing").subjects] == ["front"]
    unread = one(found, "dead-letters-unread")
    assert [(s.name, s.evidence) for s in unread.subjects] == [
        ("graveyard", "2 ready, no consumer")
    ]
    live_broker.call("PUT", "exchanges", vhost, "no such", body={"type": "fanout"})
    found = look(vhost)
    assert "dead-letter-exchange-missing" not in names(found)
    assert {s.name for s in one(found, "dead-letters-unroutable").subjects} == {
        "orders",
        "to nowhere",
    }


def test_traffic_that_is_lost_or_that_nobody_reads(look, broker, scratch_vhost, live_broker):
    """The rates are those that a poll stores."""
    vhost = scratch_vhost.name
    scratch_vhost.declare("filling")
    for name in ("unbound", "alternative", "bound"):
        arguments = {"alternate-exchange": "amq.fanout"} if name == "alternative" else {}
        live_broker.call(
            "PUT", "exchanges", vhost, name, body={"type": "fanout", "arguments": arguments}
        )
    live_broker.call(
        "POST", "bindings", vhost, "e", "bound", "q", "filling", body={"routing_key": ""}
    )
    found = look(vhost)
    assert {"unbound-exchange", "no-consumer"} <= {u.rule.name for u in found.unjudged}, (
        "unknown is said"
    )
    now = timezone.now()
    mine = {"broker": broker, "vhost": vhost}
    Exchange.objects.filter(**mine, name__in=["unbound", "alternative", "bound"]).update(
        in_rate=3, rates_at=now
    )
    Exchange.objects.filter(**mine, name="bound").update(dropped_rate=1.5, returned_rate=0)
    Queue.objects.filter(**mine, name="filling").update(
        publish_rate=6.4, growth_5m=1200, deliver_rate=0, redeliver_rate=0, rates_at=now
    )
    found = look(vhost, again=False)
    unbound = one(found, "unbound-exchange")
    assert [(s.name, s.evidence) for s in unbound.subjects] == [("unbound", "3/s published")]
    assert "bindings/new/" in unbound.fixes[0].url
    assert [s.name for s in one(found, "unroutable-messages").subjects] == ["bound"]
    filling = one(found, "no-consumer")
    assert filling.subjects[0].evidence == "6.4/s in, 0 messages, +1,200 in 5 min"
    assert filling.at == Queue.objects.get(**mine, name="filling").rates_at
    Exchange.objects.filter(**mine).update(rates_at=now - timedelta(hours=1))
    Queue.objects.filter(**mine).update(rates_at=now - timedelta(hours=1))
    old = look(vhost, again=False)
    assert not {"unbound-exchange", "no-consumer"} & names(old), "old rates are no evidence"


def test_limits_policies_and_queues(look, broker, scratch_vhost, live_broker):
    vhost = scratch_vhost.name
    scratch_vhost.declare("full", **{"x-max-length": 5})
    scratch_vhost.declare("by policy")
    scratch_vhost.publish("full", 4)
    scratch_vhost.publish("by policy", 9)
    put = {"apply-to": "queues", "priority": 0}
    live_broker.call(
        "PUT", "policies", vhost, "cap",
        body={**put, "pattern": "^by", "definition": {"max-length": 10}},
    )  # fmt: skip
    for name in ("one", "two"):
        live_broker.call(
            "PUT",
            "policies",
            vhost,
            name,
            body={**put, "pattern": "^fu", "definition": {"message-ttl": 1000000}},
        )
    live_broker.call(
        "PUT",
        "policies",
        vhost,
        "idle",
        body={**put, "pattern": "^nothing$", "priority": 9, "definition": {"max-length": 1}},
    )
    live_broker.call(
        "PUT",
        "policies",
        vhost,
        "mirror",
        body={**put, "priority": 3, "pattern": "^mirrored", "definition": {"ha-mode": "all"}},
    )
    live_broker.call("PUT", "queues", vhost, "transient", body={"durable": False})
    live_broker.call("PUT", "vhost-limits", vhost, "max-queues", body={"value": 3})
    found = until(
        lambda: (f := look(vhost)) and "near-max-length" in names(f)
        and one(f, "near-max-length").count == 2 and f
    )  # fmt: skip
    assert [s.evidence for s in one(found, "near-max-length").subjects] == [
        "9 of 10 messages, 90 %", "4 of 5 messages, 80 %",
    ]  # fmt: skip
    tie = one(found, "policy-tie")
    assert [s.name for s in tie.subjects] == ["one", "two"]
    assert "operator-policy-idle" in {u.rule.name for u in found.unjudged}
    assert tie.evidence == "1 matched, such as full"
    idle = {s.name for s in one(found, "policy-idle").subjects}
    assert {"idle", "mirror"} <= idle
    assert len(idle) == 3, "of the two that tie, RabbitMQ applies one"
    assert [s.name for s in one(found, "mirrored-policy").subjects] == ["mirror"]
    assert [s.name for s in one(found, "transient-queue").subjects] == ["transient"]
    assert one(found, "near-queue-limit").evidence == "3 of 3 queues"
    Queue.objects.filter(broker=broker, vhost=vhost, name="transient").update(
        total=0, consumers=0, depth_changed_at=timezone.now() - timedelta(days=31),
        first_seen_at=timezone.now() - timedelta(days=40),
    )  # fmt: skip
    unused = one(look(vhost, again=False), "unused-queue")
    assert [s.name for s in unused.subjects] == ["transient"]
    assert "/delete/" in unused.fixes[0].url


def test_a_swarm_is_found_and_counted_as_noise(
    look, broker, scratch_vhost, live_broker, superuser, client
):
    vhost = scratch_vhost.name
    for number in range(22):
        body = {"durable": True, "arguments": {"x-expires": 600000}}
        live_broker.call("PUT", "queues", vhost, f"celery@worker-{number}.celery.pidbox", body=body)
        live_broker.call("PUT", "queues", vhost, f"reply-{uuid4()}", body=body)
    found = look(vhost)
    swarms = [f for f in found.findings if f.rule.name == "queue-swarm"]
    assert {f.evidence for f in swarms} == {"22 like celery@*.pidbox", "22 like reply-*"}
    client.force_login(superuser)
    fix = next(f.fixes[0].url for f in swarms if "celery" in f.evidence)
    page = client.get(fix)
    assert page.status_code == 200
    assert b'value="celery@*.pidbox"' in page.content
    added = client.post(
        fix, {"pattern": "celery@*.pidbox", "on": broker.pk, "reason": "control queues"}
    )
    assert added.status_code == 302
    assert Queue.objects.filter(broker=broker, vhost=vhost, noise=True).count() == 22
    again = look(vhost)
    assert [f.evidence for f in again.findings if f.rule.name == "queue-swarm"] == [
        "22 like reply-*"
    ]


def test_users_listeners_and_consumers(
    look, broker, scratch_vhost, live_broker, scratch_user, guest
):
    """AC-121: the default password is found."""
    vhost, (user, _) = scratch_vhost.name, scratch_user
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    live_broker.call("PUT", "permissions", vhost, user, body=everything)
    scratch_vhost.declare("greedy")
    scratch_vhost.channel.basic_consume("greedy", lambda *_: None, auto_ack=False)
    found = until(
        lambda: (f := look(None)) and any(
            s.name == "greedy" for x in f.findings if x.rule.name == "no-prefetch-limit" for s in x.subjects
        ) and f
    )  # fmt: skip
    assert one(found, "default-password").subjects[0].name == "guest"
    powerful = {s.name for s in one(found, "all-powerful-administrator").subjects}
    assert user in powerful
    assert live_broker.username not in powerful
    live_broker.call("PUT", "permissions", vhost, user, body={**everything, "configure": "^app"})
    found = look(None)
    assert user in {s.name for s in one(found, "needless-administrator").subjects}
    report = ClusterReport.objects.get(broker=broker)
    assert len(set(report.versions.values())) == 1
    assert report.flags
    assert report.deprecated is None
    assert "doesn't report" in report.why["deprecated"]
    assert {"deprecated-feature"} <= {u.rule.name for u in found.unjudged}
