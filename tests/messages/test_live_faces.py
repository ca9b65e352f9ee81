"""Masks and missing rights on a live queue's pages, files, API and command, with canaries."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accessctl.grants.roles import Role
from console.models import AuditEntry
from tests.messages.test_peek_live import Scene, scene  # noqa: F401 – a fixture
from vhosts.models import MaskingRule, Queue

pytestmark = pytest.mark.django_db
CANARY = "canary-4111-1111"


def _client(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def _read(client: Client, queue: Queue) -> str:
    """Read the queue on its page; the address of what was read."""
    answer = client.post(reverse("queue_messages", args=[queue.pk]), {"count": "10"})
    assert answer.status_code == 302, answer.content[:500]
    return str(answer["Location"])


def page(person: Any, queue: Queue) -> str:
    client = _client(person)
    return client.get(f"{_read(client, queue)}?open=1").content.decode()


def page_filter(person: Any, queue: Queue) -> str:
    """The canary, unless no filter by it finds the message: the page repeats what was typed."""
    client = _client(person)
    kept = _read(client, queue)
    wanted = ({"body": CANARY}, {"header": f"x-token={CANARY}"}, {"property": f"reply_to={CANARY}"})
    pages = [client.get(kept, given).content.decode() for given in wanted]
    return "" if all("No message matches" in one for one in pages) else CANARY


def download(person: Any, queue: Queue) -> str:
    client = _client(person)
    return client.post(f"{_read(client, queue)}save/", {"at": "1"}).content.decode()


def export(person: Any, queue: Queue) -> str:
    client = _client(person)
    return client.post(f"{_read(client, queue)}save/", {}).content.decode()


def api(person: Any, queue: Queue) -> str:
    client = APIClient()
    client.force_login(person)
    route = f"/api/v1/queues/{queue.pk}/messages/peek/"
    answer = client.post(route, {}, format="json")
    assert answer.status_code == 200, answer.content
    assert answer.json()["read"] == 1
    return answer.content.decode()


def api_filter(person: Any, queue: Queue) -> str:
    client = APIClient()
    client.force_login(person)
    route = f"/api/v1/queues/{queue.pk}/messages/peek/"
    answer = client.post(route, {"match": {"body": CANARY}}, format="json")
    return CANARY if answer.json()["messages"] else ""


def command(person: Any, queue: Queue, *more: str) -> str:
    written = StringIO()
    try:
        call_command(
            "messages", "peek", queue.name, *more, "--broker", queue.broker.name,
            "--vhost", queue.vhost, "--as", person.username, stdout=written,
        )  # fmt: skip
    except (CommandError, SystemExit) as ended:
        return written.getvalue() + str(ended)
    return written.getvalue()


def command_json(person: Any, queue: Queue) -> str:
    return command(person, queue, "--json")


def audit(person: Any, queue: Queue) -> str:
    page(person, queue)
    return json.dumps(
        list(AuditEntry.objects.values("action", "target", "before", "after", "reason"))
    )


FACES: tuple[Callable[[Any, Queue], str], ...] = (
    page, page_filter, download, export, api, api_filter, command, command_json, audit,
)  # fmt: skip


@pytest.fixture
def queue(scene: Scene) -> Queue:  # noqa: F811 – the fixture
    scene.vhost.declare("dead")
    body = json.dumps({"card": {"number": CANARY}}).encode()
    scene.publish(
        "dead", [body], headers={"x-token": CANARY, "t": {"x-token": CANARY}}, reply_to=CANARY
    )
    return scene.seen("dead")


def test_masks_and_rights_hold_on_every_live_face(
    queue: Queue, person: Any, superuser: Any, now: Any
) -> None:
    """Without a rule each face shows the canary: otherwise that it doesn't later proves nothing."""
    reading = person("reading", (Role.OPERATOR, True))
    for face in FACES:
        assert (CANARY in face(reading, queue)) == (face is not audit), face.__name__
    for subject, target in (("header", "x-token"), ("header", "reply-to"), ("body", "$..number")):
        MaskingRule.objects.create(subject=subject, target=target, action="mask", created_at=now)
    for face in FACES:
        for who in (reading, superuser):
            found = face(who, queue)
            assert CANARY not in found, face.__name__
            assert CANARY.encode().hex() not in found, face.__name__
    MaskingRule.objects.filter(subject="body").delete()
    metadata = person("metadata", (Role.OPERATOR, False))
    for face in FACES:
        assert CANARY not in face(metadata, queue), face.__name__
