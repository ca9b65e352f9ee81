"""Reading messages of live queues through the console: pages, API, command."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pika
import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.kinds.refusals.versions import version_of
from console.models import AuditEntry, Broker
from tests.conftest import LiveBroker, ScratchVhost
from vhosts.messages.moving.model import MessageJob
from vhosts.messages.moving.running.run import run_job
from vhosts.messages.peeking.read import read_messages
from vhosts.messages.peeking.turns import PeekRunning, turn
from vhosts.messages.peeking.wanted import Wanted
from vhosts.models import KeptMessages, Queue, QueuePeeks

pytestmark = pytest.mark.django_db


class Scene:
    """A polled broker with a virtual host of the test's own."""

    def __init__(self, broker: Any, vhost: Any, poll: Any, inventory: Any, eventually: Any) -> None:
        self.broker, self.vhost = broker, vhost
        self._poll, self._inventory, self._eventually = poll, inventory, eventually

    def queue(self, name: str, bodies: list[bytes], **arguments: Any) -> Queue:
        self.vhost.declare(name, **arguments)
        self.publish(name, bodies)
        return self.seen(name)

    def publish(self, name: str, bodies: list[bytes], **properties: Any) -> None:
        for body in bodies:
            self.vhost.channel.basic_publish(
                "", name, body, pika.BasicProperties(**properties), mandatory=True
            )

    def seen(self, name: str) -> Queue:
        def look() -> Queue | None:
            self._poll(self.broker)
            self._inventory(self.broker)
            rows = Queue.objects.filter(broker=self.broker, vhost=self.vhost.name, name=name)
            return rows.exclude(inventoried_at=None).select_related("broker__status").first()

        found = self._eventually(look)
        assert isinstance(found, Queue)
        return found

    def drained(self, name: str) -> list[bytes]:
        """Takes all messages."""
        found = []
        while True:
            method, _, body = self.vhost.channel.basic_get(name, auto_ack=True)
            if method is None:
                return found
            found.append(body)


@pytest.fixture
def scene(
    make_broker: Any, scratch_vhost: Any, poll_now: Any, inventory_now: Any, eventually: Any
) -> Scene:
    cache.clear()
    return Scene(make_broker(), scratch_vhost, poll_now, inventory_now, eventually)


#: The brokers of the run; bin/test's own comes first.
URLS = os.environ.get("RABBITMQ_TEST_URLS", "").split() or [os.environ.get("RABBITMQ_URL", "")]


@pytest.fixture(params=URLS, ids=[url.rpartition("@")[2] for url in URLS])
def every_scene(
    request: Any,
    monkeypatch: Any,
    make_broker: Any,
    poll_now: Any,
    inventory_now: Any,
    eventually: Any,
) -> Iterator[Scene]:
    """A scene on each of the brokers."""
    # It names a listener of the first broker; the others are asked for theirs.
    monkeypatch.delenv("RABBITMQ_AMQP_URL", raising=False)
    live = LiveBroker(request.param)
    name = f"test-{uuid4().hex[:12]}"
    live.call("PUT", "vhosts", name)
    rights = {"configure": ".*", "write": ".*", "read": ".*"}
    live.call("PUT", "permissions", name, live.username, body=rights)
    vhost = ScratchVhost(live, name)
    broker = make_broker(management_url=live.url, username=live.username, password=live.password)
    try:
        yield Scene(broker, vhost, poll_now, inventory_now, eventually)
    finally:
        vhost.close()
        live.forget("vhosts", name)


@pytest.mark.parametrize("by", ["argument", "policy", "default"])
def test_a_hundred_looks_lose_nothing(every_scene: Scene, superuser: Any, by: str) -> None:
    """A quorum queue with a delivery limit of 20, where each look counts before RabbitMQ 4.3. The
    default is 20 from 4.0 on; before, there is no limit and so no count."""
    scene = every_scene
    scene.vhost.declare("dead")
    dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
    limit = {"x-delivery-limit": 20} if by == "argument" else {}
    if by == "policy":
        scene.vhost.live.call(
            "PUT", "policies", scene.vhost.name, "limit",
            body={"pattern": "^orders$", "apply-to": "queues", "definition": {"delivery-limit": 20}},
        )  # fmt: skip
    bodies = [f"message {number}".encode() for number in range(5)]
    queue = scene.queue("orders", bodies, **{"x-queue-type": "quorum", **dead, **limit})
    version = version_of(queue.broker.status.rabbitmq_version)
    assert version is not None
    counts = version < (4, 3) and (by != "default" or version >= (4, 0))
    read, refused = 0, 0
    for number in range(100):
        outcome = read_messages(superuser, queue, Wanted(10), timezone.now(), "peek")
        assert outcome.trouble is None
        if outcome.verdict.refusal:
            refused += 1
            assert "kept for its consumers" in outcome.verdict.refusal
            continue
        read += 1
        if not counts:
            assert len(outcome.messages) == 5
        elif number < 14:
            assert (outcome.verdict.limit, outcome.verdict.left) == (20, 19 - number)
            assert len(outcome.messages) == 5
    assert (read, refused) == ((15, 85) if counts else (100, 0))
    assert sorted(scene.drained("orders")) == bodies
    assert scene.drained("dead") == []


def test_a_page_reads_filters_opens_and_saves(client: Any, superuser: Any, scene: Scene) -> None:
    scene.vhost.declare("orders")
    scene.publish(
        "orders", [b'{"id": 1}'], headers={"region": "eu"}, content_type="application/json"
    )
    scene.publish("orders", [b'{"id": 2}'], headers={"region": "us"}, timestamp=1_700_000_000)
    scene.publish("orders", [b"<script>alert(1)</script>", b"\x00\xff" * 20])
    queue = scene.seen("orders")
    client.force_login(superuser)
    form = client.get(reverse("queue_messages", args=[queue.pk]))
    assert "redelivered" in form.content.decode()
    assert not KeptMessages.objects.exists()
    answer = client.post(reverse("queue_messages", args=[queue.pk]), {"count": "10"})
    assert answer.status_code == 302
    page = client.get(answer.url)
    text = page.content.decode()
    assert "4 messages" in text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
    found = client.get(answer.url + "?header=region%3Deu").content.decode()
    assert "1 of 4 messages" in found
    assert "2 of 4 messages" not in found
    third = client.get(answer.url + "?open=3").content.decode()
    assert "Message 3" in third
    save = reverse("queue_messages_save", args=[queue.pk, KeptMessages.objects.get().pk])
    one = client.post(save, {"at": "4"})
    assert one.content == b"\x00\xff" * 20
    assert one["Content-Disposition"] == 'attachment; filename="message-4.bin"'
    assert one["Content-Type"] == "application/octet-stream"
    assert one["X-Content-Type-Options"] == "nosniff"
    every = client.post(save)
    lines = [json.loads(line) for line in every.content.decode().splitlines()]
    assert [line["position"] for line in lines] == [1, 2, 3, 4]
    assert client.post(save, {"at": "5"}).status_code == 404
    how = (
        AuditEntry.objects.filter(action="messages:read")
        .order_by("pk")
        .values_list("after", flat=True)
    )
    assert [(entry["how"], entry["messages"]) for entry in how] == [
        ("peek", 4), ("download", 1), ("export", 4),
    ]  # fmt: skip
    assert b"alert" not in json.dumps(list(how)).encode()
    assert scene.drained("orders")[:2] == [b'{"id": 1}', b'{"id": 2}']


def test_what_was_read_is_encrypted_and_its_readers_alone(
    client: Any, superuser: Any, scene: Scene, django_user_model: Any
) -> None:
    queue = scene.queue("orders", [b"canary-4711"])
    client.force_login(superuser)
    url = client.post(reverse("queue_messages", args=[queue.pk]), {"count": "1"}).url
    kept = KeptMessages.objects.get()
    assert "canary" not in kept.content_encrypted + json.dumps(kept.outcome)
    assert "canary-4711" in client.get(url).content.decode()
    # Another session of the same person, and another person.
    client.logout()
    client.force_login(superuser)
    assert client.get(url).status_code == 404
    client.force_login(django_user_model.objects.create_superuser("second", password="x"))
    assert client.get(url).status_code == 404
    KeptMessages.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    from vhosts.messages.peeking.kept import forget_expired

    forget_expired(timezone.now())
    assert not KeptMessages.objects.exists()


def test_a_schema_decodes_what_was_read(client: Any, superuser: Any, scene: Scene) -> None:
    """An Avro record of a string, without a container: no decoder finds out alone."""
    queue = scene.queue("orders", [b"\x0ecountry\x80\x01"])
    client.force_login(superuser)
    url = client.post(reverse("queue_messages", args=[queue.pk]), {"count": "1"}).url
    schema = {"type": "record", "name": "r", "fields": [
        {"name": "field_name", "type": "string"}, {"name": "number", "type": "long"},
    ]}  # fmt: skip
    assert "field_name" not in client.get(url).content.decode()
    answer = client.post(
        f"{url}schema/", {"kind": "avro", "content": json.dumps(schema), "at": "1"}
    )
    text = client.get(answer.url).content.decode()
    assert "field_name" in text
    assert "country" in text
    for wrong in ({"kind": "avro", "content": "{"}, {"kind": "x"}, {"kind": "protobuf"}):
        assert client.post(f"{url}schema/", wrong).status_code == 302
    client.post(f"{url}schema/", {"kind": ""})
    assert "field_name" not in client.get(url).content.decode()


def test_who_may_not_read_payloads_sees_none_anywhere(
    client: Any, scene: Scene, django_user_model: Any
) -> None:
    queue = scene.queue("orders", [b"canary-4711"])
    person = django_user_model.objects.create_user("olga", password="x")
    Grant.objects.create(
        user=person, role=Role.OPERATOR, broker=scene.broker, created_at=timezone.now()
    )
    client.force_login(person)
    url = client.post(reverse("queue_messages", args=[queue.pk]), {"count": "1"}).url
    assert "canary" not in client.get(url).content.decode()
    assert "0 of 1 messages" in client.get(url + "?body=canary").content.decode()
    save = reverse("queue_messages_save", args=[queue.pk, KeptMessages.objects.get().pk])
    assert client.post(save, {"at": "1"}).status_code == 403
    exported = client.post(save)
    assert b"canary" not in exported.content
    assert b"Y2FuYXJ5" not in exported.content


def test_two_peeks_at_once_are_told_apart(superuser: Any, scene: Scene) -> None:
    queue = scene.queue("orders", [b"a"])
    now = timezone.now()
    with turn(queue, now, counts=False), pytest.raises(PeekRunning):
        read_messages(superuser, queue, Wanted(1), now, "peek")
    assert len(read_messages(superuser, queue, Wanted(1), now, "peek").messages) == 1
    # One that died holds the queue for a minute only.
    QueuePeeks.objects.update(held_until=now + timedelta(seconds=60))
    later = now + timedelta(seconds=61)
    assert len(read_messages(superuser, queue, Wanted(1), later, "peek").messages) == 1


def test_a_peek_that_dies_is_counted(scene: Scene) -> None:
    queue = scene.queue("orders", [])
    held = turn(queue, timezone.now(), counts=True, known=3)
    held.__enter__()
    assert QueuePeeks.objects.get().highest == 4
    assert held.__exit__(ZeroDivisionError, ZeroDivisionError(), None) is False
    assert (QueuePeeks.objects.get().highest, QueuePeeks.objects.get().held_until) == (4, None)


def test_trouble_is_a_state(client: Any, superuser: Any, scene: Scene, live_broker: Any) -> None:
    """The queue is gone, the user of the console has no rights, the broker can't be reached."""
    queue = scene.queue("orders", [b"a"])
    client.force_login(superuser)
    url = reverse("queue_messages", args=[queue.pk])
    live_broker.call(
        "PUT", "permissions", scene.vhost.name, live_broker.username,
        body={"configure": ".*", "write": ".*", "read": "^$"},
    )  # fmt: skip
    answer = client.post(url, {"count": "1"})
    assert answer.status_code == 200
    assert "No messages were read." in answer.content.decode()
    scene.vhost.delete("orders")
    answer = client.post(url, {"count": "1"})
    assert answer.status_code == 200
    assert "no longer exists" in answer.content.decode()
    Broker.objects.filter(pk=scene.broker.pk).update(management_url="http://127.0.0.1:9")
    answer = client.post(url, {"count": "1"})
    assert answer.status_code == 200
    assert "No messages were read." in answer.content.decode()
    assert not AuditEntry.objects.filter(action="messages:read").exists()
    assert client.post(url, {"count": "0"}).status_code == 400


def test_without_amqp_http_is_used_where_looks_are_free(superuser: Any, scene: Scene) -> None:
    free = scene.queue("orders", [b"a", b"b"])
    counted = scene.queue("limited", [b"c"], **{"x-queue-type": "quorum", "x-delivery-limit": 20})
    Broker.objects.filter(pk=scene.broker.pk).update(amqp_url="amqp://127.0.0.1:9")
    for queue in (free, counted):
        queue.broker.amqp_url = "amqp://127.0.0.1:9"
    outcome = read_messages(superuser, free, Wanted(5), timezone.now(), "peek")
    assert outcome.way == "http"
    assert [one.body for one in outcome.messages] == [b"a", b"b"]
    outcome = read_messages(superuser, counted, Wanted(5), timezone.now(), "peek")
    if counted.broker.status.rabbitmq_version < "4.3":
        assert outcome.trouble is not None
        assert outcome.messages == ()
    assert scene.drained("orders") == [b"a", b"b"]
    assert scene.drained("limited") == [b"c"]


def test_a_stream_is_read_from_an_offset(client: Any, superuser: Any, scene: Scene) -> None:
    bodies = [f"message {number}".encode() for number in range(10)]
    queue = scene.queue("events", bodies, **{"x-queue-type": "stream"})
    client.force_login(superuser)
    form = client.get(reverse("queue_messages", args=[queue.pk])).content.decode()
    assert "Offset" in form
    answer = client.post(
        reverse("queue_messages", args=[queue.pk]), {"count": "50", "from": "offset", "offset": "7"}
    )
    text = client.get(answer.url).content.decode()
    assert "3 messages" in text
    assert "message 7" in text
    assert "message 6" not in text
    wrong = {"count": "5", "from": "time", "time": "yesterday"}
    assert client.post(reverse("queue_messages", args=[queue.pk]), wrong).status_code == 400


def test_the_queue_page_leads_to_its_messages(client: Any, superuser: Any, scene: Scene) -> None:
    queue = scene.queue("orders", [])
    client.force_login(superuser)
    assert (
        reverse("queue_messages", args=[queue.pk])
        in client.get(f"/queues/{queue.pk}/").content.decode()
    )


def test_the_api_peeks(api: Any, scene: Scene) -> None:
    queue = scene.queue("orders", [b'{"id": 1}', b'{"id": 2}'])
    answer = api.post(f"/api/v1/queues/{queue.pk}/messages/peek/", {"count": 5}, format="json")
    assert answer.status_code == 200, answer.content
    found = answer.json()
    assert [one["position"] for one in found["messages"]] == [1, 2]
    assert found["messages"][0]["payload"]["decoder"] == "JSON"
    assert (found["read"], found["ended"], found["looks_left"]) == (2, "empty", None)
    filtered = api.post(
        f"/api/v1/queues/{queue.pk}/messages/peek/", {"match": {"body": "2"}}, format="json"
    ).json()
    assert ([one["position"] for one in filtered["messages"]], filtered["read"]) == ([2], 2)
    assert api.post(
        f"/api/v1/queues/{queue.pk}/messages/peek/", {"count": 501}, format="json"
    ).status_code == 400  # fmt: skip
    scene.vhost.delete("orders")
    gone = api.post(f"/api/v1/queues/{queue.pk}/messages/peek/", {}, format="json")
    assert gone.status_code == 409
    assert gone.json()["errors"][0]["code"] == "not_found"


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capsys: Any) -> Run:
    """run("peek", …) -> exit code and standard output."""
    from django.core.management import CommandError, call_command

    def call(*arguments: str) -> tuple[int, str]:
        try:
            call_command("messages", *arguments)
        except CommandError as error:
            return error.returncode, f"{capsys.readouterr().out}{error}"
        except SystemExit as error:
            return int(str(error.code)), capsys.readouterr().out
        return 0, capsys.readouterr().out

    return call


def test_the_command_peeks(run: Run, superuser: Any, scene: Scene) -> None:
    queue = scene.queue("orders", [b"canary-1", b"canary-2"])
    place = ["--broker", queue.broker.name, "--vhost", queue.vhost]
    code, text = run("peek", "orders", *place)
    assert code == 0
    assert re.search(r"1\b.*orders.*canary-1", text)
    code, text = run("peek", "orders", "--json", "--count", "1", *place)
    lines = [json.loads(line) for line in text.splitlines()]
    assert (code, len(lines), lines[0]["payload"]["text"]) == (0, 1, "canary-1")
    assert run("peek", "orders", "--body", "nothing like it", *place)[0] == 2
    assert run("peek", "no such queue", *place)[0] == 1
    assert run("peek", "orders", "--count", "0", *place)[0] == 1


def test_messages_that_were_chosen_are_moved(scene: Scene, admin_client: Any) -> None:
    """From the list of what was read, through the form and its preview, to the target."""
    queue = scene.queue("source", [b"a", b"b", b"c", b"b"])
    scene.queue("parked", [])
    read = admin_client.post(reverse("queue_messages", args=[queue.pk]), {"count": "10"}).url
    page = admin_client.get(read).content.decode()
    assert "Move, copy or delete selected" in page
    kept = KeptMessages.objects.get().pk
    move = reverse("message_move", args=[queue.pk])
    form = admin_client.post(move, {"step": "open", "kept": kept, "at": ["2", "3"]})
    marks = form.context["form"].data["fingerprints"]
    assert len(marks.split()) == 2
    assert "Those chosen on the page before" in form.content.decode()
    given = {
        "mode": "move", "which": "chosen", "fingerprints": marks, "to": "queue",
        "target_queue": "parked", "keep_expiration": "on",
    }  # fmt: skip
    assert (
        "2 chosen messages"
        in admin_client.post(move, {**given, "step": "preview"}).content.decode()
    )
    assert admin_client.post(move, {**given, "step": "apply", "key": "k"}).status_code == 302
    run_job(str(MessageJob.objects.get().pk), "test")
    assert scene.drained("parked") == [b"b", b"c"]
    assert scene.drained("source") == [b"a", b"b"]


def test_messages_of_somebody_else_cant_be_chosen(
    scene: Scene, admin_client: Any, client: Any, django_user_model: Any
) -> None:
    queue = scene.queue("source", [b"a"])
    admin_client.post(reverse("queue_messages", args=[queue.pk]), {"count": "10"})
    kept = KeptMessages.objects.get().pk
    other = django_user_model.objects.create_superuser("other")
    client.force_login(other)
    move = reverse("message_move", args=[queue.pk])
    for at in (kept, uuid4(), "x"):
        assert client.post(move, {"step": "open", "kept": at, "at": "1"}).status_code == 404
