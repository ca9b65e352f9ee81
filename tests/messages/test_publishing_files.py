"""Files of messages: checked line by line, sent at most once per line, stopped and continued."""

from __future__ import annotations

import json
import tracemalloc
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from accessctl.models import Grant
from console.models import AuditEntry
from console.rabbitmq.amqp import publish as adapter
from vhosts.messages.publishing.batches import run
from vhosts.messages.publishing.batches.read import MOST_LINE, MOST_LINES, BadFile
from vhosts.messages.publishing.batches.service import counts_of, start, stop, store
from vhosts.messages.publishing.where import Place
from vhosts.models import PublishBatch, PublishLine

pytestmark = pytest.mark.django_db


def lines(*messages: Any) -> bytes:
    return b"\n".join(json.dumps(one).encode() for one in messages) + b"\n"


def depth(vhost: Any, queue: str) -> int:
    found: int = vhost.channel.queue_declare(queue, passive=True).method.message_count
    return found


@pytest.fixture
def batch_of(place: Place, superuser: Any) -> Any:
    def make(body: bytes, *, key: str = "", go: bool = True) -> PublishBatch:
        found = store(
            [body], place, exchange="", title="f.jsonl", actor=superuser, key=key or uuid4().hex,
            origin="page",
        )  # fmt: skip
        if go:
            start(found, superuser)
        return found

    return make


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch: Any) -> None:
    monkeypatch.setattr("vhosts.messages.publishing.batches.service.notify", lambda batch_id: None)


def nonzero(batch: PublishBatch) -> dict[str, int]:
    return {state: number for state, number in counts_of(batch).items() if number}


def test_each_line_has_its_outcome(batch_of: Any, scratch_vhost: Any) -> None:
    scratch_vhost.declare("q")
    scratch_vhost.declare("full", **{"x-max-length": 1, "x-overflow": "reject-publish"})
    to_full = {"routing_key": "full"}
    found = batch_of(lines(
        {"routing_key": "q", "payload": "a", "headers": {"n": 1.5}},
        {"exchange": "amq.topic", "routing_key": "nobody"},
        to_full, to_full,
        {"exchange": "missing"},
        {"routing_key": "q", "payload_base64": "AP8="},
    ))  # fmt: skip
    run.send_batch(found.pk)
    found.refresh_from_db()
    assert (found.state, found.problem, found.lease) == ("done", "", None)
    states = PublishLine.objects.filter(batch=found).values_list("state", "code")
    assert list(states) == [
        ("confirmed", None), ("returned", 312), ("confirmed", None), ("refused", None),
        ("refused", 404), ("confirmed", None),
    ]  # fmt: skip
    assert not PublishLine.objects.exclude(content_encrypted="").exists()
    assert depth(scratch_vhost, "q") == 2
    ended = AuditEntry.objects.get(action="messages:published_file")
    assert ended.after["confirmed"] == 3
    run.send_batch(found.pk)
    assert depth(scratch_vhost, "q") == 2


def test_a_wrong_line_is_named_with_its_field_and_nothing_is_stored(
    batch_of: Any, scratch_vhost: Any
) -> None:
    body = b"\n".join([
        b'{"routing_key": "q"}', b"", b"{", b'{"routing_key": 5}',
        b'{"properties": {"priority": 300}}', b'{"headers": {"a": {"$type": "nope", "value": 1}}}',
        b'{"payload": "a", "payload_base64": "AA=="}', b'{"nope": 1}', b'{"a": 1, "a": 2}', b"[1]",
        b'{"payload_base64": "%"}', b"\xff", b'{"payload": "' + b"x" * MOST_LINE + b'"}',
        b'{"delay": 5}', b"[" * 100_000,
    ])  # fmt: skip
    with pytest.raises(BadFile) as bad:
        batch_of(body)
    faults = {(one.line, one.field) for one in bad.value.faults}
    assert faults == {
        (3, ""), (4, "routing_key"), (5, "properties.priority"), (6, "headers.a"),
        (7, "payload_base64"), (8, "nope"), (9, "a"), (10, "message"), (11, "payload_base64"), (12, ""),
        (13, ""), (14, "delay"), (15, ""),
    }  # fmt: skip
    assert bad.value.number == 13
    assert not PublishBatch.objects.exists()
    assert not PublishLine.objects.exists()


def test_too_many_lines_and_none_are_refused(batch_of: Any) -> None:
    with pytest.raises(BadFile, match="Split the file"):
        batch_of(b"{}\n" * (MOST_LINES + 1))
    with pytest.raises(BadFile, match="no messages"):
        batch_of(b"\n\n")
    with pytest.raises(BadFile, match="larger than 16 MiB"):
        batch_of(b"\n" * (16 * 1024 * 1024 + 1))


class Died(BaseException):
    """The process is gone."""


def test_a_worker_that_dies_leaves_one_line_unknown_and_none_sent_twice(
    batch_of: Any, scratch_vhost: Any, monkeypatch: Any
) -> None:
    scratch_vhost.declare("q")
    found = batch_of(lines(*({"routing_key": "q", "payload": str(n)} for n in range(6))))
    real, number = adapter.Sender.send, [0]

    def dies(self: Any, *args: Any, **more: Any) -> Any:
        outcome = real(self, *args, **more)
        number[0] += 1
        if number[0] == 3:
            raise Died
        return outcome

    with monkeypatch.context() as patch:
        patch.setattr(adapter.Sender, "send", dies)
        with pytest.raises(Died):
            run.send_batch(found.pk)
    # What a killed process wouldn't have done: give its lease back.
    PublishBatch.objects.update(lease=uuid4(), leased_until=timezone.now() + timedelta(minutes=1))
    run.send_batch(found.pk)
    assert nonzero(found) == {"confirmed": 2, "sending": 1, "waiting": 3}, "its lease holds"
    PublishBatch.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    assert list(run.due_batches(timezone.now())) == [found.pk]
    run.send_batch(found.pk)
    assert nonzero(found) == {"confirmed": 5, "unknown": 1}
    assert PublishLine.objects.get(state="unknown").number == 3
    assert depth(scratch_vhost, "q") == 6


def test_stopping_keeps_what_is_sent_and_the_rest_can_be_continued(
    batch_of: Any, scratch_vhost: Any, monkeypatch: Any, superuser: Any
) -> None:
    scratch_vhost.declare("q")
    found = batch_of(lines(*({"routing_key": "q"} for _ in range(5))))
    real, number = adapter.Sender.send, [0]

    def stops(self: Any, *args: Any, **more: Any) -> Any:
        number[0] += 1
        if number[0] == 2:
            stop(found, superuser)
        return real(self, *args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(adapter.Sender, "send", stops)
        run.send_batch(found.pk)
    found.refresh_from_db()
    assert found.state == "stopped"
    assert nonzero(found) == {"confirmed": 2, "waiting": 3}
    start(found, superuser)
    run.send_batch(found.pk)
    assert nonzero(found) == {"confirmed": 5}
    assert depth(scratch_vhost, "q") == 5


def test_trouble_interrupts_and_says_why(
    batch_of: Any, place: Place, superuser: Any, scratch_vhost: Any
) -> None:
    scratch_vhost.declare("q")
    found = batch_of(lines({"routing_key": "q"}))
    address = place.broker.amqp_url
    type(place.broker).objects.update(amqp_url="amqp://127.0.0.1:9")
    run.send_batch(found.pk)
    found.refresh_from_db()
    assert found.state == "interrupted"
    assert "listens" in found.problem
    assert nonzero(found) == {"waiting": 1}
    type(place.broker).objects.update(amqp_url=address)
    start(found, superuser)
    type(superuser).objects.update(is_superuser=False)
    run.send_batch(found.pk)
    found.refresh_from_db()
    assert (found.state, found.problem) == (
        "interrupted", "Its author may not publish here any more.",
    )  # fmt: skip
    assert not Grant.objects.exists()
    assert depth(scratch_vhost, "q") == 0


def test_the_page_checks_starts_and_shows_a_file(
    client: Any, superuser: Any, place: Place, scratch_vhost: Any
) -> None:
    client.force_login(superuser)
    scratch_vhost.declare("q")
    address = reverse("message_file")
    assert client.get(address).status_code == 200

    def upload(body: bytes) -> Any:
        file = SimpleUploadedFile("<b>.jsonl", body)
        return client.post(
            address,
            {"broker": place.broker.pk, "vhost": place.vhost, "file": file, "token": "0" * 32},
        )

    wrong = upload(b'{"properties": {"priority": "<img src=x>"}}')
    assert wrong.status_code == 400
    assert "properties.priority" in wrong.content.decode()
    shown = upload(lines({"routing_key": "q"}, {"exchange": "amq.fanout"}))
    assert shown.status_code == 302
    assert (
        upload(lines({"routing_key": "q"}, {"exchange": "amq.fanout"}))["Location"]
        == shown["Location"]
    )
    found = PublishBatch.objects.get()
    page = client.get(shown["Location"]).content.decode()
    assert "Nothing was sent yet" in page
    assert "<b>.jsonl" not in page
    client.post(reverse("message_batch_start", args=[found.pk]))
    run.send_batch(found.pk)
    page = client.get(shown["Location"], {"state": "returned"}).content.decode()
    assert "NO_ROUTE" in page
    assert depth(scratch_vhost, "q") == 1


def test_the_api_publishes_lines_and_lists_outcomes(
    api: Any, place: Place, scratch_vhost: Any
) -> None:
    scratch_vhost.declare("q")
    query = f"?broker={place.broker.pk}&vhost={place.vhost}"

    def post(body: bytes) -> Any:
        return api.generic(
            "POST", f"/api/v1/publish/files/{query}", body, "application/x-ndjson",
            HTTP_IDEMPOTENCY_KEY="one",
        )  # fmt: skip

    wrong = post(b'{"routing_key": "q"}\n{"routing_key": 1}')
    assert wrong.status_code == 400
    assert "Line 2, routing_key: This must be text." in wrong.content.decode()
    body = lines({"routing_key": "q"}, {"routing_key": "no"})
    made = post(body)
    assert (made.status_code, made.json()["state"]) == (202, "waiting"), made.content
    assert post(body).json()["id"] == made.json()["id"]
    assert post(body + b"{}").status_code == 409
    run.send_batch(PublishBatch.objects.get().pk)
    read = api.get(made["Location"]).json()
    assert (read["state"], read["counts"]["confirmed"], read["counts"]["returned"]) == (
        "done",
        1,
        1,
    )
    found = api.get(f"{made['Location']}lines/?outcome=returned").json()["results"]
    assert [(one["number"], one["reply_code"]) for one in found] == [(2, 312)]


def test_a_file_up_to_the_limit_takes_bounded_memory(batch_of: Any, scratch_vhost: Any) -> None:
    scratch_vhost.declare("q")
    line = json.dumps({"routing_key": "q", "payload": "x" * (MOST_LINE - 100)}).encode() + b"\n"
    body = line * 16
    tracemalloc.start()
    try:
        found = batch_of(body)
        run.send_batch(found.pk)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert nonzero(found) == {"confirmed": 16}
    assert peak < 120_000_000, f"{peak:,} bytes"
