"""Explain access from what an inventory of a live broker has seen: service, page and API."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from accessctl.models import BrokerUser
from console.errors import InvalidField, NotAllowed
from console.models import BrokerStatus
from vhosts.explain_access.pattern_preview import preview_pattern
from vhosts.explain_access.service import explain_access
from vhosts.models import Exchange
from vhosts.polling.inventory import take as inventory

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk(live_broker: Any, scratch_vhost: Any) -> Any:
    """A RabbitMQ user that may read work and publish to topic, some routing keys of it."""
    name = f"clerk-{uuid4().hex[:8]}"
    live_broker.call("PUT", "users", name, body={"password": "secret", "tags": "management"})
    rights = {"configure": "^$", "write": "^topic$", "read": "^work$"}
    live_broker.call("PUT", "permissions", scratch_vhost.name, name, body=rights)
    topic = {"exchange": "topic", "write": r"^eu\.", "read": "^$"}
    live_broker.call("PUT", "topic-permissions", scratch_vhost.name, name, body=topic)
    scratch_vhost.channel.exchange_declare("topic", "topic", durable=True)
    scratch_vhost.channel.exchange_declare(
        "inner", "fanout", durable=True, internal=True, arguments={"alternate-exchange": "topic"}
    )
    scratch_vhost.declare("work")
    scratch_vhost.declare("works")
    yield name
    live_broker.forget("users", name)


@pytest.fixture
def broker(make_broker: Any, clerk: str, now: datetime) -> Any:
    """The live broker with its inventory taken just now."""
    made = make_broker()
    seen_now(made, now)
    made.refresh_from_db()
    return made


def seen_now(broker: Any, now: datetime) -> None:
    BrokerStatus.objects.filter(pk=broker.pk).update(
        inventory_claim=1,
        inventory_claimed_until=now + timedelta(minutes=1),
        state="reachable",
        answered_at=now,
        rabbitmq_version="3.10.8",
        erlang_version="25.2.3",
    )
    assert inventory.take(broker.pk, 1, now)


def asked(broker: Any, superuser: Any, now: datetime, **more: Any) -> Any:
    return explain_access(broker=broker, acting_user=superuser, now=now, **more)


def test_exchanges_are_seen_as_declared(broker: Any, scratch_vhost: Any) -> None:
    seen = Exchange.objects.filter(broker=broker, vhost=scratch_vhost.name)
    assert {"", "amq.topic", "topic", "inner"} <= set(seen.values_list("name", flat=True))
    inner = seen.get(name="inner")
    assert (inner.type, inner.internal, inner.durable) == ("fanout", True, True)
    assert inner.alternate_exchange == "topic"
    assert seen.get(name="topic").alternate_exchange is None


def test_an_exchange_that_is_gone_is_dropped(
    broker: Any, scratch_vhost: Any, now: datetime
) -> None:
    scratch_vhost.channel.exchange_delete("inner")
    seen_now(broker, now + timedelta(seconds=40))
    assert not Exchange.objects.filter(broker=broker, name="inner").exists()


@pytest.mark.parametrize(
    ("act", "target", "routing_key", "allowed"),
    [
        ("get", "work", None, True),
        ("get", "works", None, False),
        ("purge", "work", None, True),
        ("delete_queue", "work", None, False),
        ("publish", "topic", "eu.a", True),
        ("publish", "topic", "us.a", False),
        ("publish", "topic", None, None),
        ("publish", "inner", None, False),
        ("publish", "amq.default", "work", False),
        ("open_vhost", "", None, True),
        ("use_management", "", None, True),
        ("administer", "", None, False),
    ],
)
def test_an_answer_by_what_was_seen(
    broker: Any,
    clerk: str,
    scratch_vhost: Any,
    superuser: Any,
    now: datetime,
    act: str,
    target: str,
    routing_key: str | None,
    allowed: bool | None,
) -> None:
    found = asked(
        broker, superuser, now, user=clerk, vhost=scratch_vhost.name, act=act, target=target,
        routing_key=routing_key,
    )  # fmt: skip
    assert found.verdict.allowed is allowed
    assert found.facts.observed_at is not None
    assert not found.facts.stale


def test_an_answer_takes_the_same_number_of_queries_however_much_there_is(
    broker: Any,
    clerk: str,
    scratch_vhost: Any,
    superuser: Any,
    now: datetime,
    django_assert_max_num_queries: Any,
) -> None:
    with django_assert_max_num_queries(7):
        asked(
            broker, superuser, now, user=clerk, vhost=scratch_vhost.name, act="get", target="work"
        )


def test_before_the_first_inventory_nothing_is_known(
    broker_row: Any, superuser: Any, now: datetime
) -> None:
    found = asked(broker_row(), superuser, now, user="guest", vhost="/", act="get", target="q")
    assert found.verdict.allowed is None


def test_a_part_that_could_not_be_read_is_not_taken_for_empty(
    broker: Any, clerk: str, scratch_vhost: Any, superuser: Any, now: datetime
) -> None:
    broker.status.part_errors = {"permissions": "The broker refused."}
    found = asked(
        broker, superuser, now, user=clerk, vhost="elsewhere-unseen", act="get", target="work"
    )
    assert "permissions" not in found.facts.known
    assert found.verdict.allowed is False  # there is no such virtual host, which is known
    # No permission was seen here, but the list of them could not be read.
    found = asked(broker, superuser, now, user=clerk, vhost="/", act="get", target="work")
    assert found.verdict.allowed is None


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("act", {"act": "fly"}),
        ("user", {"user": ""}),
        ("user", {"user": "x" * 256}),
        ("user", {"user": "a\0b"}),
        ("vhost", {"vhost": ""}),
        ("target", {"target": ""}),
        ("target", {"target": "é" * 128}),
        ("target", {"act": "open_vhost", "target": "q"}),
        ("source", {"source": "x"}),
    ],
)
def test_what_cannot_be_asked_is_refused_by_field(
    broker_row: Any, superuser: Any, now: datetime, field: str, given: dict[str, str]
) -> None:
    whole = {"user": "guest", "vhost": "/", "act": "get", "target": "q", **given}
    with pytest.raises(InvalidField) as refused:
        asked(broker_row(), superuser, now, **whole)
    assert refused.value.field == field


def test_who_has_no_grant_is_told_nothing(
    broker_row: Any, django_user_model: Any, now: datetime
) -> None:
    nobody = django_user_model.objects.create_user("nobody")
    with pytest.raises(NotAllowed):
        asked(broker_row(), nobody, now, user="guest", vhost="/", act="get", target="q")
    with pytest.raises(NotAllowed):
        preview_pattern(broker=broker_row(), vhost="/", pattern=".*", acting_user=nobody)


def test_the_page_answers_and_keeps_what_was_typed(
    client: Client, superuser: Any, broker: Any, clerk: str, scratch_vhost: Any
) -> None:
    client.force_login(superuser)
    assert client.get("/explain/").status_code == 200
    query = {
        "broker": broker.pk, "vhost": scratch_vhost.name, "user": clerk, "act": "get",
        "target": "works",
    }  # fmt: skip
    page = client.get("/explain/", query).content.decode()
    assert ">No</h2>" in page.replace(" No", "No")
    assert "^work$" in page
    assert 'value="works"' in page
    refused = client.get("/explain/", {**query, "target": ""})
    assert refused.status_code == 400
    assert "Enter the queue." in refused.content.decode()
    hostile = client.get("/explain/", {**query, "target": "<script>\u202e"})
    assert b"<script>\xe2" not in hostile.content


@pytest.mark.parametrize(
    "query",
    [
        {"broker": "999999", "user": "x"},
        {"broker": "x", "user": "x"},
        {"user": "\0", "act": "get"},
        {"user": "x" * 5000},
        {"user": "a", "act": "publish", "vhost": "\0", "broker": ""},
    ],
)
def test_bad_input_to_the_page_is_said_and_never_a_500(
    client: Client, superuser: Any, query: dict[str, str]
) -> None:
    client.force_login(superuser)
    assert client.get("/explain/", query).status_code in (400, 404)


def test_the_api_answers_with_rule_and_pattern(
    api: Any, broker: Any, clerk: str, scratch_vhost: Any
) -> None:
    query = {
        "broker": broker.name, "vhost": scratch_vhost.name, "user": clerk, "act": "publish",
        "target": "topic", "routing_key": "us.a",
    }  # fmt: skip
    answer = api.get("/api/v1/explain/", query)
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert body["allowed"] is False
    assert body["method"] == "basic.publish"
    deciding = [reason for reason in body["reasons"] if reason["decided"]]
    assert [(reason["rule"], reason["pattern"]) for reason in deciding] == [
        ("topic permission", r"^eu\.")
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "broker"),
        ({"broker": "no such"}, "broker"),
        ({"act": "fly"}, "act"),
        ({"remote": "maybe"}, "remote"),
        ({"colour": "red"}, "colour"),
        ({"act": "get"}, "target"),
    ],
)
def test_the_api_refuses_by_field(
    api: Any, broker_row: Any, query: dict[str, str], field: str
) -> None:
    given = {"broker": broker_row().pk, "user": "u", "vhost": "/", **query} if query else {}
    answer = api.get("/api/v1/explain/", given)
    assert answer.status_code == 400
    assert field in answer.content.decode()
    assert "{" not in answer.json()["errors"][0]["detail"]


def test_a_pattern_shows_what_it_matches(
    api: Any, client: Client, superuser: Any, broker: Any, scratch_vhost: Any
) -> None:
    query = {"broker": broker.pk, "vhost": scratch_vhost.name, "pattern": "^work|^amq.def"}
    body = api.get("/api/v1/patterns/", query).json()
    assert body["queues"] == {"count": 2, "of": 2, "sample": ["work", "works"], "refused": None}
    assert body["exchanges"]["sample"] == ["amq.default"]
    assert body["valid"] is True
    client.force_login(superuser)
    page = client.get(f"/explain/{broker.pk}/pattern/", query)
    assert page.status_code == 200
    assert b"works" in page.content


@pytest.mark.parametrize("pattern", ["(", "^(a|a)*$", "((a{100}){100}){100}", "\\", "(?R)"])
def test_no_pattern_breaks_its_preview(
    api: Any, client: Client, superuser: Any, broker: Any, scratch_vhost: Any, pattern: str
) -> None:
    query = {"broker": broker.pk, "vhost": scratch_vhost.name, "pattern": pattern}
    assert api.get("/api/v1/patterns/", query).status_code == 200
    client.force_login(superuser)
    assert client.get(f"/explain/{broker.pk}/pattern/", query).status_code == 200


def test_guests_default_password_is_known_and_no_hash_is_kept(
    guest: None, broker: Any, clerk: str
) -> None:
    guest = BrokerUser.objects.get(broker=broker, name="guest")
    assert guest.has_default_password is True
    assert BrokerUser.objects.get(broker=broker, name=clerk).has_default_password is None
    assert not any(
        "hash" in field.name for field in BrokerUser._meta.fields if "algo" not in field.name
    )
