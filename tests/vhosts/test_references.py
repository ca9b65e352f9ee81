"""Who refers to a queue or an exchange, from what polling stored."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accessctl.authorize import may
from accessctl.rights import Permission
from console.kinds.registry import KINDS
from console.models import Broker, BrokerStatus
from tests.accessctl.cast import make_cast
from tests.factories import add_broker, add_queue, permit, permit_topic
from vhosts.models import Binding, Exchange, FederationLink, Policy, Queue, Shovel
from vhosts.topology.panel import references_panel
from vhosts.topology.reference import named
from vhosts.topology.references import dies, references_to

pytestmark = pytest.mark.django_db
VHOST = "/"


@pytest.fixture
def broker(now: datetime) -> Broker:
    found = add_broker("one", now)
    BrokerStatus.objects.filter(broker=found).update(parts_at={"bindings": now.isoformat()})
    return Broker.objects.select_related("status").get(pk=found.pk)


def exchange(broker: Broker, name: str, now: datetime, **columns: Any) -> Exchange:
    return Exchange.objects.create(
        broker=broker, vhost=VHOST, name=name, first_seen_at=now, changed_at=now,
        **{"type": "fanout", "durable": True, "auto_delete": False, "internal": False, **columns},
    )  # fmt: skip


def bind(
    broker: Broker, source: str, to: str, now: datetime, key: str = "", kind: str = "queue"
) -> Binding:
    return Binding.objects.create(
        broker=broker, vhost=VHOST, source=source, destination_type=kind, destination=to, routing_key=key,
        first_seen_at=now, changed_at=now,
    )  # fmt: skip


def policy(broker: Broker, name: str, now: datetime, **definition: Any) -> Policy:
    return Policy.objects.create(
        broker=broker, vhost=VHOST, name=name, pattern="", apply_to="all", priority=0,
        definition={key.replace("_", "-"): value for key, value in definition.items()},
        first_seen_at=now, changed_at=now,
    )  # fmt: skip


def said(broker: Broker, kind: str, name: str) -> list[str]:
    return [one.sentence for one in references_to(broker, kind, (VHOST, name))]


def effects(broker: Broker, kind: str, name: str) -> list[str]:
    return list(dies(kind)(broker, (VHOST, name), None))


def test_a_dead_letter_exchange_is_referred_to_by_argument_and_by_policy(
    broker: Broker, now: datetime
) -> None:
    exchange(broker, "dlx", now)
    exchange(broker, "orders", now)
    policy(broker, "dlx-policy", now, dead_letter_exchange="dlx")
    policy(broker, "other", now, dead_letter_exchange="elsewhere")
    add_queue(broker, "a", now, arguments={"x-dead-letter-exchange": "dlx"})
    add_queue(broker, "b", now, policy="dlx-policy")
    # An argument precedes a policy; a stream has no dead letters; what is gone refers to nothing.
    add_queue(
        broker, "c", now, policy="dlx-policy", arguments={"x-dead-letter-exchange": "elsewhere"}
    )
    add_queue(broker, "d", now, type="stream", policy="dlx-policy")
    add_queue(broker, "e", now, policy="dlx-policy", gone_at=now)
    add_queue(broker, "f", now, policy="other")
    add_queue(broker, "g", now, vhost="elsewhere", policy="dlx-policy")
    assert said(broker, "exchange", "dlx") == [
        "2 queues send it their dead letters: a (argument) and b (policy dlx-policy).",
        "Policy dlx-policy names it.",
    ]
    assert effects(broker, "exchange", "dlx") == ["Dead letters of a and b are lost from then on."]
    assert said(broker, "exchange", "orders") == []


def test_at_least_once_is_told_apart(broker: Broker, now: datetime) -> None:
    strategy = {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
    arguments = {"x-dead-letter-exchange": "dlx", **strategy}
    add_queue(broker, "safe", now, type="quorum", arguments=arguments)
    add_queue(
        broker, "half", now, type="quorum", arguments={**arguments, "x-overflow": "drop-head"}
    )
    assert effects(broker, "exchange", "dlx") == [
        "Dead letters of half are lost from then on. Dead letters of safe stay in their queue while the "
        "exchange is missing (at-least-once)."
    ]


def test_a_queue_receives_dead_letters_through_bindings_and_the_default_exchange(
    broker: Broker, now: datetime
) -> None:
    exchange(broker, "dlx", now, type="direct")
    exchange(broker, "first", now)
    add_queue(broker, "dlq", now)
    bind(broker, "dlx", "dlq", now, "dead")
    bind(broker, "first", "dlx", now, kind="exchange")
    to = "x-dead-letter-exchange"
    key = "x-dead-letter-routing-key"
    add_queue(broker, "by-key", now, arguments={to: "dlx", key: "dead"})
    add_queue(broker, "other-key", now, arguments={to: "dlx", key: "else"})
    add_queue(broker, "own-key", now, arguments={to: "dlx"})
    add_queue(broker, "chained", now, arguments={to: "first", key: "any"})
    add_queue(broker, "by-default", now, arguments={to: "", key: "dlq"})
    add_queue(broker, "default-else", now, arguments={to: "", key: "else"})
    found = references_to(broker, "queue", (VHOST, "dlq"))
    (dead,) = [one for one in found if one.what == "dead_letters"]
    assert dead.names == ("by-default", "by-key", "chained", "own-key")
    assert "through exchange dlx, exchange first and the default exchange" in dead.sentence


def test_bindings_alternates_and_topic_permissions(broker: Broker, now: datetime) -> None:
    """AC-059: an alternate exchange is found by argument and by policy."""
    exchange(broker, "x", now, type="topic")
    exchange(broker, "source", now, auto_delete=True)
    exchange(broker, "by-argument", now, arguments={"alternate-exchange": "x"})
    exchange(broker, "by-policy", now, policy="ae")
    policy(broker, "ae", now, alternate_exchange="x")
    policy(broker, "fed", now, federation_upstream_set="all")
    exchange(broker, "fed-x", now, policy="fed")
    for number in range(7):
        bind(broker, "x", f"q{number}", now, "a")
    bind(broker, "x", "q0", now, "b")
    bind(broker, "source", "x", now, kind="exchange")
    permit_topic(broker, "app", VHOST, "x", now)
    permit(broker, "app", VHOST, now, "", "^x$", "^q")
    permit(broker, "other", VHOST, now, "", "^else", "x")
    assert said(broker, "exchange", "x") == [
        "It gets messages from source, through 1 binding.",
        "It routes messages to q0, q1, q2, q3, q4 and 2 more, through 8 bindings.",
        "2 exchanges send it what they can't route: by-argument and by-policy.",
        "The bindings to it are the last ones of an auto-delete exchange: source.",
        "Policy ae names it.",
        "1 user has topic permissions on it.",
        "Users with permission to publish to it: app.",
    ]
    assert effects(broker, "exchange", "x") == [
        "Its binding from source is deleted too.",
        "Its 8 bindings to q0, q1, q2, q3, q4 and 2 more are deleted too.",
        "Messages that by-argument and by-policy can't route are lost from then on, or returned if published "
        "as mandatory.",
        "RabbitMQ also deletes source: an auto-delete exchange goes with its last binding.",
        "The topic permissions of 1 user on it stay, and apply to a new exchange of that name.",
        "1 user with permission to publish to it can't any more.",
    ]
    assert said(broker, "exchange", "fed-x") == ["Policy fed federates it with upstream brokers."]


def test_unread_bindings_are_unknown_not_none(now: datetime) -> None:
    broker = add_broker("never", now, inventory_at=None)
    assert effects(broker, "queue", "q") == [
        "Which bindings it has is unknown. No inventory has read them yet."
    ]


@pytest.mark.parametrize("kind", ["queue", "exchange"])
def test_the_number_of_queries_is_constant(broker: Broker, now: datetime, kind: str) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            references_to(broker, kind, (VHOST, "x"))
        return len(queries)

    def fill(first: int, count: int) -> None:
        for number in range(first, first + count):
            add_queue(broker, f"q{number}", now, arguments={"x-dead-letter-exchange": "x"})
            exchange(broker, f"e{number}", now, arguments={"alternate-exchange": "x"})
            bind(broker, "x", f"q{number}", now)
            bind(broker, f"e{number}", "x", now, kind=kind)

    fill(0, 1)
    one = cost()
    fill(1, 30)
    assert cost() == one <= 18


def test_other_kinds_have_no_references(broker: Broker) -> None:
    for kind in set(KINDS) - {"queue", "exchange"}:
        assert references_to(broker, kind, ("a", "b")) == []


def test_names_are_bounded() -> None:
    assert named(["a"], 1) == "a"
    assert named(["a", "b"], 2) == "a and b"
    assert named(["a", "b", "c", "d", "e"], 9) == "a, b, c, d, e and 4 more"


def test_the_panel_names_users_only_to_who_may_see_them(client: Any) -> None:
    cast = make_cast()
    found = {}
    for person in ("alice", "superuser"):
        user = cast.alice if person == "alice" else None
        if user is None:
            user = get_user_model().objects.create_superuser("superuser")
        row = Queue.objects.select_related("broker__status").get(broker=cast.a, vhost="/team-red")
        with_permissions = {one.what for one in references_panel("queue", row, user)["references"]}
        found[person] = "reach" in with_permissions
        assert found[person] is may(user, Permission.PERMISSIONS_VIEW, cast.a, "/team-red")
        client.force_login(user)
        text = client.get(f"/queues/{row.pk}/").content.decode()
        assert "What goes with it" in text
        assert ("Users with permission to consume" in text) is found[person]
    assert found["superuser"]


def test_shovels_and_federation_links(broker: Broker, now: datetime) -> None:
    seen = {"broker": broker, "first_seen_at": now, "changed_at": now}
    local, other = "amqp://", "amqp:///team"
    for name, vhost, value in (
        (
            "move",
            VHOST,
            {"src-uri": local, "src-queue": "q", "dest-uri": local, "dest-queue": "to"},
        ),
        ("many", VHOST, {"src-uri": [other, "amqp:///%2F"], "src-queue": "q", "dest-uri": other}),
        ("else", VHOST, {"src-uri": other, "src-queue": "q", "dest-uri": local, "dest-queue": "q"}),
        ("away", VHOST, {"src-uri": "amqp://a:b@far/", "src-queue": "q", "dest-uri": 7}),
        ("hidden", "secret", {"src-uri": local, "src-queue": "q"}),
    ):
        Shovel.objects.create(**seen, vhost=vhost, name=name, value=value)
    found = {one.sentence: one.effect for one in references_to(broker, "queue", (VHOST, "q"))}
    assert found == {
        "3 shovels have it as their source: many, move and 1 of other virtual hosts.": "It's the source of "
        "3 shovels.",
        "1 shovel has it as its destination: else.": "It's the destination of 1 shovel.",
    }
    for number in (1, 2):
        FederationLink.objects.create(
            **seen, vhost=VHOST, node="n", link=str(number), of="exchange", name="x", upstream=f"u{number}",
            state="running",
        )  # fmt: skip
    assert said(broker, "exchange", "x") == ["It has 2 federation links, from u1 and u2."]
    assert effects(broker, "exchange", "x") == ["It has 2 federation links."]
