"""Publishing to a live broker: each outcome, each property and type, at most once."""

from __future__ import annotations

import re
import tracemalloc
from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse

from console.models import AuditEntry, BrokerStatus
from console.rabbitmq.amqp.properties.exact import ExactProperties, register
from tests.factories import HOSTILE
from vhosts.messages.publishing.message import MOST_BODY, read_message
from vhosts.messages.publishing.send import publish
from vhosts.messages.publishing.where import Place
from vhosts.models import PublishRequest

pytestmark = pytest.mark.django_db


@pytest.fixture
def send(place: Place, superuser: Any) -> Any:
    def once(key: str = "", **message: Any) -> PublishRequest:
        return publish(
            read_message(message), place, actor=superuser, key=key or uuid4().hex, origin="api",
        )  # fmt: skip

    return once


@pytest.fixture
def browser(client: Any, superuser: Any) -> Any:
    client.force_login(superuser)
    return client


def form(place: Place, **more: Any) -> dict[str, Any]:
    return {
        "broker": place.broker.pk, "vhost": place.vhost, "token": uuid4().hex, "exchange": "",
        "routing_key": "q", "body": "hello", "body_format": "text", **more,
    }  # fmt: skip


def depth(vhost: Any, queue: str) -> int:
    found: int = vhost.channel.queue_declare(queue, passive=True).method.message_count
    return found


def test_a_message_is_confirmed_in_its_queue(send: Any, scratch_vhost: Any) -> None:
    """AC-107: publish a message to an exchange; the console reports that it was routed."""
    queue = scratch_vhost.declare("q")
    found = send(routing_key=queue, payload="hello")
    assert (found.state, found.code) == ("confirmed", None)
    assert depth(scratch_vhost, queue) == 1
    actions = AuditEntry.objects.order_by("id").values_list("action", "after")
    assert [action for action, _ in actions] == ["message:publish", "message:published"]
    assert "hello" not in str(list(actions))
    assert actions[1][1]["outcome"] == "confirmed"


def test_a_message_without_a_queue_is_returned_with_the_reason(send: Any) -> None:
    found = send(exchange="amq.topic", routing_key="nobody")
    assert (found.state, found.code, found.text) == ("returned", 312, "NO_ROUTE")


def test_a_full_queue_that_refuses_says_so(send: Any, scratch_vhost: Any) -> None:
    scratch_vhost.declare("full", **{"x-max-length": 1, "x-overflow": "reject-publish"})
    assert send(routing_key="full").state == "confirmed"
    found = send(routing_key="full")
    assert (found.state, found.code) == ("refused", None)
    assert depth(scratch_vhost, "full") == 1


@pytest.mark.parametrize(
    ("message", "code", "text"),
    [
        ({"exchange": "missing"}, 404, "no exchange 'missing'"),
        ({"routing_key": "q", "properties": {"user_id": "somebody"}}, 406, "user_id"),
        ({"exchange": "hidden"}, 403, "internal"),
        ({"routing_key": "q", "headers": {"CC": "q"}}, 406, "CC"),
    ],
)
def test_what_rabbitmq_refuses_has_its_code_and_reason(
    send: Any, scratch_vhost: Any, message: dict[str, Any], code: int, text: str
) -> None:
    scratch_vhost.declare("q")
    scratch_vhost.channel.exchange_declare("hidden", "fanout", durable=True, internal=True)
    found = send(**message)
    assert (found.state, found.code) == ("refused", code)
    assert text in found.text
    assert depth(scratch_vhost, "q") == 0


def test_a_user_without_the_right_to_write_is_refused(
    place: Place, superuser: Any, scratch_vhost: Any, scratch_user: Any, live_broker: Any,
    make_broker: Any,
) -> None:  # fmt: skip
    name, password = scratch_user
    live_broker.call(
        "PUT", "permissions", place.vhost, name,
        body={"configure": "", "write": "^only$", "read": ""},
    )  # fmt: skip
    broker = make_broker(amqp_url=place.broker.amqp_url, username=name, password=password)
    found = publish(
        read_message({"exchange": "amq.fanout"}), Place(broker, place.vhost), actor=superuser,
        key="a", origin="api",
    )  # fmt: skip
    assert (found.state, found.code) == ("refused", 403)
    assert found.published_as == name


def test_trouble_before_anything_is_sent_is_not_sent(
    superuser: Any, scratch_vhost: Any, make_broker: Any
) -> None:
    broker = make_broker(amqp_url="amqp://127.0.0.1:9")
    found = publish(
        read_message({"routing_key": "q"}), Place(broker, scratch_vhost.name), actor=superuser,
        key="a", origin="api",
    )  # fmt: skip
    assert found.state == "failed"
    assert "listens" in found.text


PROPERTIES = {
    "content_type": "text/plain", "content_encoding": "identity", "delivery_mode": 2, "priority": 7,
    "correlation_id": "c\u202e1", "reply_to": "r", "expiration": "60000", "message_id": "m",
    "timestamp": 1700000000, "type": "t", "app_id": "a", "cluster_id": "k",
}  # fmt: skip
HEADERS = {
    "text": "ä\n\"<b>", "whole": 2**40, "small": 1, "float": 1.5, "yes": True, "nothing": None,
    "list": [1, "a", [False]], "table": {"a": {"b": 0.25}},
    "time": {"$type": "timestamp", "value": "2026-01-31T12:00:00+01:00"},
    "bytes": {"$type": "bytes", "value": "AP8="},
    "decimal": {"$type": "decimal", "value": "12.345"},
    "int32": {"$type": "int32", "value": -5}, "int16": {"$type": "int16", "value": -6},
    "int8": {"$type": "int8", "value": -7}, "single": {"$type": "float", "value": 0.5},
    "escaped": {"$type": "table", "value": {"$type": "x"}},
}  # fmt: skip
ARRIVES = {
    "text": ("S", "ä\n\"<b>"), "whole": ("l", 2**40), "small": ("l", 1), "float": ("d", 1.5),
    "yes": ("t", True), "nothing": ("V", None), "time": ("T", 1769857200), "bytes": ("x", b"\0\xff"),
    "int32": ("I", -5), "int16": ("s", -6), "int8": ("b", -7), "single": ("f", 0.5),
}  # fmt: skip


def test_every_property_and_type_arrives_exactly_as_written(
    send: Any, scratch_vhost: Any, live_broker: Any
) -> None:
    register()
    scratch_vhost.declare("q")
    found = send(
        routing_key="q", headers=HEADERS, payload_base64="AAEC/w==",
        properties={**PROPERTIES, "user_id": live_broker.username},
    )  # fmt: skip
    assert found.state == "confirmed", found.text
    _, got, body = scratch_vhost.channel.basic_get("q", auto_ack=True)
    assert isinstance(got, ExactProperties)
    assert body == b"\0\1\2\xff"
    for name, value in PROPERTIES.items():
        assert getattr(got, name) == value, name
    assert got.user_id == live_broker.username
    fields = dict(got.fields)
    for name, (letter, value) in ARRIVES.items():
        assert (fields[name].letter, fields[name].value) == (letter, value), name
    assert str(fields["decimal"].value) == "12.345"
    assert fields["list"].plain == [1, "a", [False]]
    assert fields["table"].plain == {"a": {"b": 0.25}}
    assert fields["escaped"].plain == {"$type": "x"}


def test_the_same_key_is_sent_once_and_another_message_with_it_is_refused(
    api: Any, place: Place, scratch_vhost: Any
) -> None:
    scratch_vhost.declare("q")
    body = {"broker": place.broker.pk, "vhost": place.vhost, "routing_key": "q", "payload": "a"}
    first = api.post("/api/v1/publish/", body, format="json", HTTP_IDEMPOTENCY_KEY="k1")
    again = api.post("/api/v1/publish/", body, format="json", HTTP_IDEMPOTENCY_KEY="k1")
    assert (first.status_code, first.json()["outcome"]) == (200, "confirmed"), first.content
    assert again.json() == first.json()
    other = api.post(
        "/api/v1/publish/", {**body, "payload": "b"}, format="json", HTTP_IDEMPOTENCY_KEY="k1"
    )
    assert other.status_code == 409
    assert depth(scratch_vhost, "q") == 1
    assert api.get(first["Location"]).json() == first.json()


def test_the_page_publishes_shows_the_outcome_and_sends_a_repeated_form_once(
    browser: Any, place: Place, scratch_vhost: Any
) -> None:
    scratch_vhost.declare("q")
    address = reverse("message_publish")
    shown = browser.get(address, {"broker": place.broker.pk, "vhost": place.vhost})
    assert shown.status_code == 200
    assert place.broker.username in shown.content.decode()
    sent = form(
        place, header_name=["n", ""], header_type=["double", "string"], header_value=["1.5", ""],
        body="a\r\nb", priority="3",
    )  # fmt: skip
    for _ in range(2):
        answer = browser.post(address, sent)
        assert answer.status_code == 200
        assert "Confirmed in queues" in answer.content.decode()
    assert depth(scratch_vhost, "q") == 1
    _, got, body = scratch_vhost.channel.basic_get("q", auto_ack=True)
    assert (body, got.priority, got.headers) == (b"a\nb", 3, {"n": 1.5})
    changed = browser.post(address, {**sent, "body": "other"})
    assert changed.status_code == 409
    assert "already sent with another message" in changed.content.decode()
    request = PublishRequest.objects.get()
    assert browser.get(reverse("message_published", args=[request.pk])).status_code == 200


def test_hostile_text_never_fails_and_never_runs(
    browser: Any, place: Place, scratch_vhost: Any
) -> None:
    scratch_vhost.declare("q")
    for text in HOSTILE:
        sent = form(
            place, exchange=text, routing_key=text, body=text, header_name=[text],
            header_type=["json"], header_value=[text], correlation_id=text, priority=text,
            delay=text, body_format="json",
        )  # fmt: skip
        for address in (reverse("message_publish"), reverse("message_publish_preview")):
            answer = browser.post(address, sent)
            assert answer.status_code < 500, text
            assert "<img src=x" not in answer.content.decode()
        fitting = form(place, exchange=text, routing_key=text, body=text, header_name=[text],
                       header_type=["string"], header_value=[text], correlation_id=text)  # fmt: skip
        answer = browser.post(reverse("message_publish"), fitting)
        assert answer.status_code == 200, text
        # RabbitMQ 4.3 fails (541) on its own reply where it cuts a long name within a character.
        assert re.search("Refused|Unknown", answer.content.decode())
        assert not re.search(r"<(img src=x|svg/onload|script>alert)", answer.content.decode())


def test_a_body_up_to_the_limit_is_sent_and_a_larger_one_is_not(
    browser: Any, place: Place, scratch_vhost: Any
) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    scratch_vhost.declare("q")
    file = SimpleUploadedFile("big", b"x" * MOST_BODY)
    tracemalloc.start()
    try:
        answer = browser.post(reverse("message_publish"), form(place, body="", file=file))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The test's own client holds the body several times as well.
    assert peak < 8 * MOST_BODY, f"{peak:,} bytes"
    assert "Confirmed in queues" in answer.content.decode()
    larger = SimpleUploadedFile("big", b"x" * (MOST_BODY + 1))
    answer = browser.post(reverse("message_publish"), form(place, body="", file=larger))
    assert answer.status_code == 400
    assert "the limit is 16,777,216" in answer.content.decode()
    assert depth(scratch_vhost, "q") == 1


def test_headers_that_fit_no_frame_are_refused_and_the_connection_isnt_lost(send: Any) -> None:
    found = send(routing_key="q", headers={str(n): "x" * 60_000 for n in range(3)})
    assert found.state == "failed"
    assert "frame_max" in found.text


def test_the_preview_says_where_it_goes_and_what_is_refused_before(
    browser: Any, place: Place, scratch_vhost: Any, poll_now: Any, inventory_now: Any
) -> None:
    scratch_vhost.declare("orders", **{"x-max-priority": 5})
    scratch_vhost.channel.exchange_declare("shop", "topic", durable=True)
    scratch_vhost.channel.queue_bind("orders", "shop", "order.*")
    scratch_vhost.channel.exchange_declare("inner", "topic", durable=True, internal=True)
    poll_now(place.broker)
    inventory_now(place.broker)

    def text(address: str, **fields: Any) -> str:
        answer = browser.post(reverse(address), form(place, **fields))
        return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.content.decode()))

    shown = text("message_publish_preview", exchange="shop", routing_key="order.new", priority="9")
    assert "Will be routed" in shown
    assert "order.*" in shown
    assert "counts as 5, its x-max-priority" in shown
    assert "Won’t be routed" in text("message_publish_preview", exchange="shop", routing_key="x")
    delayed = text("message_publish", exchange="shop", routing_key="order.new", delay="1000")
    assert "Only exchanges of the type x-delayed-message delay messages" in delayed
    scratch_vhost.channel.queue_declare("log", durable=True, arguments={"x-queue-type": "stream"})
    inventory_now(place.broker)
    BrokerStatus.objects.update(rabbitmq_version="4.0.5")
    decimal = {"header_name": ["d"], "header_type": ["decimal"], "header_value": ["1.5"]}
    assert "541 INTERNAL_ERROR" in text("message_publish_preview", routing_key="log", **decimal)
    assert "541" not in text("message_publish_preview", routing_key="orders", **decimal)
    inner = text("message_publish", exchange="inner", routing_key="x")
    assert "only other exchanges can route to it" in inner
    assert PublishRequest.objects.count() == 0
    assert depth(scratch_vhost, "orders") == 0
