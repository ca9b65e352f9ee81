"""Trace a message from what an inventory of a live broker has seen: service, page and API."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.errors import InvalidField, NotAllowed
from console.models import BrokerStatus
from vhosts.models import Exchange, Queue
from vhosts.polling.inventory import take as inventory
from vhosts.routing.service import trace_message

pytestmark = pytest.mark.django_db
HOSTILE = '"><script>alert(1)</script>\u202e'


@pytest.fixture
def broker(make_broker: Any, live_broker: Any, scratch_vhost: Any, now: datetime) -> Any:
    """A broker with orders (topic), its alternate exchange, a retry cycle and a stream."""
    channel, vhost = scratch_vhost.channel, scratch_vhost.name
    channel.exchange_declare("orders", "topic", durable=True)
    channel.exchange_declare("unrouted", "fanout", durable=True, internal=True)
    channel.exchange_declare("by.header", "headers", durable=True)
    channel.exchange_declare("retry.x", "fanout", durable=True)
    scratch_vhost.declare(
        "orders.eu", **{"x-dead-letter-exchange": "retry.x", "x-max-length": 1000}
    )
    scratch_vhost.declare(
        "orders.retry",
        **{
            "x-message-ttl": 30_000,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": "orders.eu",
        },
    )
    scratch_vhost.declare("lost")
    scratch_vhost.declare("log", **{"x-queue-type": "stream"})
    scratch_vhost.declare(HOSTILE)
    channel.queue_bind("orders.eu", "orders", "orders.eu.#")
    channel.queue_bind("log", "orders", "*.*.deleted")
    channel.queue_bind("orders.retry", "retry.x")
    channel.queue_bind("lost", "unrouted")
    channel.queue_bind(HOSTILE, "orders", f"{HOSTILE}.*")
    channel.queue_bind("lost", "by.header", "", {"x-match": "all", "region": "eu", "n": 1})
    channel.exchange_bind("by.header", "orders", "h.#")
    live_broker.call(
        "PUT",
        "policies",
        vhost,
        "keep",
        body={
            "pattern": "^orders$",
            "apply-to": "exchanges",
            "definition": {"alternate-exchange": "unrouted"},
        },
    )
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


@pytest.fixture
def trace(broker: Any, superuser: Any, scratch_vhost: Any, now: datetime) -> Any:
    def traced(exchange: str, key: str = "", headers: Any = None, **more: Any) -> Any:
        given = {
            "broker": broker,
            "vhost": scratch_vhost.name,
            "exchange": exchange,
            "routing_key": key,
            "headers": headers,
            "acting_user": superuser,
            "now": now,
        }
        return trace_message(**{**given, **more}).trace

    return traced


def test_a_key_goes_where_its_pattern_matches_and_the_others_say_why_not(trace: Any) -> None:
    found = trace("orders", "orders.eu.created")
    assert (found.verdict, found.queues, found.possible) == ("routed", ("orders.eu",), ())
    no = next(near.step for near in found.near if near.step.name == "log")
    assert no.reason == (
        "key orders.eu.created doesn't match *.*.deleted: third word is created, not deleted"
    )
    skipped = next(step for step in found.root.steps if step.via == "alternate")
    assert skipped.outcome == "skipped"
    assert "the policy keep" in skipped.reason


def test_what_no_binding_takes_goes_to_the_alternate_exchange_of_a_policy(trace: Any) -> None:
    """AC-059: the alternate exchange in force counts, whether an argument or a policy sets it."""
    found = trace("orders", "nothing")
    assert found.queues == ("lost",)
    used = next(step for step in found.root.steps if step.via == "alternate")
    assert (
        used.reason
        == "alternate exchange by the policy keep; used, because no binding of orders matches"
    )


def test_headers_count_with_their_types_over_two_exchanges(trace: Any) -> None:
    """AC-064: x-match and header arguments decide."""
    assert trace("orders", "h", {"region": "eu", "n": 1}).queues == ("lost",)
    found = trace("orders", "h", {"region": "eu", "n": "1"})
    # The exchange is reached, so the alternate exchange isn't used.
    assert (found.verdict, found.queues) == ("unroutable", ())
    assert found.near[0].step.reason == 'header n is the text "1", not the number 1'


def test_a_null_in_a_binding_is_listed_like_a_text_so_the_answer_depends(
    trace: Any, broker: Any, scratch_vhost: Any, now: datetime
) -> None:
    """RabbitMQ lists a null as "undefined". AC-063: an odd binding doesn't break the page."""
    channel = scratch_vhost.channel
    channel.queue_bind("lost", "by.header", "null", {"x-match": "all", "k": None})
    seen_now(broker, now + timedelta(seconds=40))
    broker.refresh_from_db()
    either = trace("by.header", "", {"k": 5})
    assert (either.verdict, either.queues, either.possible) == ("depends", (), ("lost",))
    assert "the broker lists both alike" in either.root.steps[0].reason
    assert trace("by.header", "", {"k": "undefined"}).queues == ("lost",)
    assert trace("by.header", "", {"j": 5}).verdict == "unroutable"


def test_a_grant_on_the_virtual_host_is_enough_and_no_other_is_answered(
    trace: Any, broker: Any, scratch_vhost: Any, django_user_model: Any, now: datetime
) -> None:
    """AC-027: nothing of another virtual host is told, not even whether it is there."""
    person = django_user_model.objects.create_user("vera")
    team = Group.objects.create(name="team")
    person.groups.add(team)
    Grant.objects.create(
        group=team,
        role=Role.VIEWER,
        broker=broker,
        vhost_pattern=f"{scratch_vhost.name[:-1]}*",
        created_at=now,
    )
    assert trace("orders", "orders.eu.x", acting_user=person).queues == ("orders.eu",)
    for other in ("/", "not there"):
        with pytest.raises(NotAllowed) as error:
            trace("orders", vhost=other, acting_user=person)
        assert other not in error.value.message


def test_an_internal_exchange_and_one_that_is_not_there_refuse(trace: Any) -> None:
    assert trace("unrouted").refusal.code == 403
    assert trace("nowhere").refusal.code == 404
    assert trace("orders", "a", {"CC": "b"}).refusal.code == 406
    assert trace("orders", "a", properties={"expiration": "-1"}).refusal.code == 406


def test_the_default_exchange_and_mandatory(trace: Any) -> None:
    """AC-065: every queue is bound to the default exchange by its name. AC-107."""
    assert trace("", "orders.eu").queues == ("orders.eu",)
    assert trace("", "nobody", mandatory=True).returned is True
    dropped = trace("", "nobody")
    assert (dropped.verdict, dropped.returned) == ("unroutable", False)


def test_a_retry_cycle_is_followed_to_its_end(trace: Any) -> None:
    after = trace("orders", "orders.eu.created").after[0]
    assert after.dead.exchange == "retry.x"
    assert any("more than 1,000 messages" in reason for reason in after.dead.reasons)
    retry = after.dead.then[0]
    assert (retry.queue, retry.dead.exchange) == ("orders.retry", "")
    assert any("30 s (by the argument x-message-ttl)" in reason for reason in retry.dead.reasons)
    assert "RabbitMQ drops the message here if no consumer rejected it" in retry.dead.then[0].cycle


def test_a_stream_never_dead_letters(trace: Any) -> None:
    after = trace("orders", "a.b.deleted").after[0]
    assert (after.queue, after.type, after.dead) == ("log", "stream", None)


def test_bindings_that_are_not_known_make_the_answer_incomplete(trace: Any, broker: Any) -> None:
    errors = {"bindings": "The broker refused the listing."}
    BrokerStatus.objects.filter(pk=broker.pk).update(part_errors=errors)
    broker.refresh_from_db()
    found = trace("by.header")
    assert (found.verdict, found.returned) == ("depends", None)
    assert found.incomplete == ("Not all bindings are known: The broker refused the listing.",)


def test_a_new_inventory_is_seen(
    trace: Any, broker: Any, scratch_vhost: Any, now: datetime
) -> None:
    assert trace("by.header", "x").verdict == "unroutable"
    scratch_vhost.channel.queue_bind("lost", "by.header", "again", {"x-match": "all"})
    seen_now(broker, now + timedelta(seconds=40))
    broker.refresh_from_db()
    assert trace("by.header", "x").queues == ("lost",)


def test_only_who_may_see_the_queues_of_the_vhost_gets_an_answer(
    trace: Any, django_user_model: Any
) -> None:
    nobody = django_user_model.objects.create_user("nobody")
    with pytest.raises(NotAllowed):
        trace("orders", acting_user=nobody)


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("routing_key", {"key": "k" * 10_000}),
        ("routing_key", {"key": "a\0b"}),
        ("exchange", {"exchange": "\ud800"}),
        ("headers", {"headers": {"a": 2**63}}),
        ("headers", {"headers": {"a": float("inf")}}),
        ("headers", {"headers": {"a\0": 1}}),
        ("headers", {"headers": {str(n): n for n in range(101)}}),
        ("properties", {"properties": {"nonsense": "1"}}),
        ("properties", {"properties": {"expiration": 5}}),
        ("vhost", {"vhost": "not there"}),
    ],
)
def test_what_no_message_can_have_is_refused_at_its_field(
    trace: Any, field: str, given: dict[str, Any]
) -> None:
    """AC-111: a property of the wrong type is refused at its field."""
    with pytest.raises(InvalidField) as error:
        trace(**{"exchange": "orders", **given})
    assert error.value.field == field


def test_the_page_shows_the_tree_and_a_link_to_the_same(
    trace: Any, broker: Any, scratch_vhost: Any, client: Client, superuser: Any
) -> None:
    client.force_login(superuser)
    asked = {
        "broker": broker.pk, "vhost": scratch_vhost.name, "exchange": "orders", "routing_key": "orders.eu.created",
        "header_name": "n", "header_type": "number", "header_value": "1",
    }  # fmt: skip
    answer = client.get(f"/route/?{urlencode(asked)}")
    shown = answer.content.decode()
    queue = Queue.objects.get(broker=broker, name="orders.eu")
    assert f'href="/queues/{queue.pk}/"' in shown
    assert "third word is created, not deleted" in shown
    assert "Dead letters go to retry.x" in shown
    assert urlencode(asked).replace("&", "&amp;") in shown
    part = client.get(f"/route/?{urlencode(asked)}", headers={"HX-Request": "true"})
    assert b"<form" not in part.content
    assert b'id="route-answer"' in part.content


def test_the_pages_of_an_exchange_and_a_queue_lead_to_it(
    broker: Any, scratch_vhost: Any, client: Client, superuser: Any
) -> None:
    client.force_login(superuser)
    place = f"/route/?broker={broker.pk}&amp;vhost={scratch_vhost.name}&amp;exchange="
    exchange = Exchange.objects.get(broker=broker, vhost=scratch_vhost.name, name="orders")
    page = client.get(f"/exchanges/{exchange.pk}/").content.decode()
    assert f'{place}orders&amp;routing_key="' in page
    queue = Queue.objects.get(broker=broker, name="orders.eu")
    page = client.get(f"/queues/{queue.pk}/bindings/").content.decode()
    assert f'{place}&amp;routing_key=orders.eu"' in page
    assert f'{place}orders&amp;routing_key=orders.eu.%23"' in page


def test_the_page_takes_the_same_queries_however_large_the_answer(
    trace: Any, broker: Any, scratch_vhost: Any, client: Client, superuser: Any
) -> None:
    client.force_login(superuser)
    numbers = []
    for key in ("nothing", "orders.eu.created", "a.b.deleted"):
        asked = {
            "broker": broker.pk,
            "vhost": scratch_vhost.name,
            "exchange": "orders",
            "routing_key": key,
        }
        client.get(f"/route/?{urlencode(asked)}")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(f"/route/?{urlencode(asked)}")
        numbers.append(len(queries))
    assert len(set(numbers)) == 1


def test_hostile_names_stay_text(
    trace: Any, broker: Any, scratch_vhost: Any, client: Client, superuser: Any
) -> None:
    client.force_login(superuser)
    asked = {
        "broker": broker.pk,
        "vhost": scratch_vhost.name,
        "exchange": "orders",
        "routing_key": f"{HOSTILE}.x",
    }
    shown = client.get(f"/route/?{urlencode(asked)}").content.decode()
    assert "<script>alert" not in shown
    assert "\u202e" not in shown.partition('id="route-answer"')[2].replace(f"{HOSTILE}", "")
    assert "1 queue gets one copy" in shown


@pytest.mark.parametrize(
    "query",
    [
        "exchange=a",
        "exchange=%00&routing_key=%00&vhost=%00&broker=0",
        "exchange=&routing_key=" + "k" * 3000,
        "header_name=a&header_type=json&header_value=" + "%5B" * 2000 + "&exchange=",
        "header_name=a&header_type=number&header_value=x&exchange=&header_name=a",
        "header_name=a&header_type=decimal&header_value=inf&exchange=",
        "header_type=json&exchange=&broker=x&vhost=",
    ],
)
def test_a_bad_query_is_explained(
    query: str, broker: Any, scratch_vhost: Any, client: Client, superuser: Any
) -> None:
    client.force_login(superuser)
    for more in ("", f"&broker={broker.pk}&vhost={scratch_vhost.name}"):
        answer = client.get(f"/route/?{query}{more}")
        assert answer.status_code in (200, 400, 404)
        part = client.get(f"/route/?{query}{more}", headers={"HX-Request": "true"})
        assert part.status_code in (200, 404)


def test_the_api_answers_with_the_tree(
    trace: Any, broker: Any, scratch_vhost: Any, client: Client, superuser: Any
) -> None:
    """AC-107: the API tells routed and not routed apart."""
    client.force_login(superuser)
    body = {
        "broker": broker.name,
        "vhost": scratch_vhost.name,
        "exchange": "orders",
        "routing_key": "orders.eu",
    }
    answer = client.post("/api/v1/route/", body, content_type="application/json")
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert (told["verdict"], told["queues"], told["returned"]) == ("routed", ["orders.eu"], False)
    assert told["tree"]["steps"][0]["reason"] == "key orders.eu matches orders.eu.#"
    assert told["after"][0]["dead_letters"]["then"][0]["queue"] == "orders.retry"
    assert told["observed_at"]


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("broker", {"broker": "nobody's"}),
        ("vhost", {"vhost": ""}),
        ("headers", {"headers": []}),
        ("headers", {"headers": {"a": [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}}),
        ("properties", {"properties": {"priority": "high"}}),
        ("mandatory", {"mandatory": "yes"}),
        ("routing_key", {"routing_key": "k" * 256}),
        ("nonsense", {"nonsense": 1}),
    ],
)
def test_the_api_names_the_field_of_a_bad_request(
    field: str, change: Any, broker: Any, scratch_vhost: Any, client: Client, superuser: Any
) -> None:
    client.force_login(superuser)
    body = {"broker": broker.pk, "vhost": scratch_vhost.name, "exchange": "orders", **change}
    answer = client.post("/api/v1/route/", body, content_type="application/json")
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["attr"] == field
