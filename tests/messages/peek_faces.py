"""The faces of messages that were read from a queue: pages, downloads, API, command."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from vhosts.messages.peeking.guard import Verdict
from vhosts.messages.peeking.kept import keep
from vhosts.messages.peeking.read import Outcome
from vhosts.messages.peeking.texts import as_kept
from vhosts.models import Queue


def _outcome(ground: Any) -> Outcome:
    return Outcome(Verdict("get"), timezone.now(), (ground.message,), ended="empty", left=0)


def _queue(ground: Any) -> Queue:
    now = timezone.now()
    return Queue.objects.get_or_create(
        broker=ground.broker, vhost=ground.vhost, name="orders",
        defaults={"type": "classic", "first_seen_at": now, "inventoried_at": now},
    )[0]  # fmt: skip


def _kept(ground: Any) -> tuple[Client, str]:
    """A browser in whose session the message was read, and the address of what was read."""
    client = Client()
    client.force_login(ground.person)
    queue, found = _queue(ground), _outcome(ground)
    key = str(client.session.session_key)
    kept = keep(ground.person, key, queue, found.messages, as_kept(found), timezone.now())
    return client, f"/queues/{queue.pk}/messages/{kept.pk}/"


@contextmanager
def _read(ground: Any, where: str) -> Iterator[None]:
    with mock.patch(f"{where}.read_messages", return_value=_outcome(ground)):
        yield


def peek_page(ground: Any) -> str:
    client, address = _kept(ground)
    return client.get(address).content.decode()


def peek_filter(ground: Any) -> str:
    """The canary where a filter by it finds the message. The page repeats what was searched for."""
    client, address = _kept(ground)
    filters = [("body", ground.canary), ("property", f"reply_to={ground.canary}")]
    filters += [("header", f"{name}={ground.canary}") for name in ground.message.headers]
    pages = [client.get(address, {name: value}).content.decode() for name, value in filters]
    return ground.canary if any("1 of 1 messages" in page for page in pages) else ""


def peek_download(ground: Any) -> str:
    client, address = _kept(ground)
    return client.post(f"{address}save/", {"at": "1"}).content.decode()


def peek_export(ground: Any) -> str:
    client, address = _kept(ground)
    return client.post(f"{address}save/").content.decode()


def peek_api(ground: Any) -> str:
    client = APIClient()
    client.force_login(ground.person)
    with _read(ground, "vhosts.messages.peeking.pages.api"):
        answer = client.post(f"/api/v1/queues/{_queue(ground).pk}/messages/peek/", {}, "json")
    assert answer.status_code == 200, answer.content
    return json.dumps(answer.json())


def peek_command(ground: Any) -> str:
    _queue(ground)
    printed = []
    for more in ((), ("--json",)):
        out = io.StringIO()
        with _read(ground, "console.management.messages.peek"):
            call_command(
                "messages", "peek", "orders", "--vhost", ground.vhost, "--broker", ground.broker.name,
                "--as", ground.person.username, *more, stdout=out,
            )  # fmt: skip
        printed.append(out.getvalue())
    return "".join(printed)
