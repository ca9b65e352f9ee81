"""Every face that hands out something of messages: pages, API, downloads, exports, commands.

test_faces puts a message with canaries before each of them. A face that isn't here isn't proven:
add one entry for each new route or command that shows, saves or filters messages.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.test import APIClient

from console.models import AuditEntry
from console.rabbitmq.amqp.message import Message
from tests.messages import peek_faces
from vhosts.messages.matching import Match, match
from vhosts.messages.reading import record_reading
from vhosts.messages.serializers import ShownMessageSerializer
from vhosts.messages.showing import raw, reader_of, shown
from vhosts.models import MessageJob, MessageOutcome


@dataclass(frozen=True, slots=True)
class Ground:
    """A message and who looks at it where. `canary` is what a mask or a missing right hides."""

    broker: Any
    vhost: str
    person: Any
    message: Message
    canary: str


@dataclass(frozen=True, slots=True)
class Face:
    """`show` returns all that the person gets, as one text."""

    name: str
    show: Callable[[Ground], str]


def _shown(ground: Ground) -> Any:
    return shown(ground.message, reader_of(ground.person, ground.broker.pk, ground.vhost))


def _page(ground: Ground) -> str:
    return render_to_string("vhosts/messages/_message.html", {"message": _shown(ground), "at": 1})


def _api(ground: Ground) -> str:
    return JSONRenderer().render(ShownMessageSerializer(_shown(ground)).data).decode()


def _raw(ground: Ground) -> str:
    return repr(raw(ground.message, reader_of(ground.person, ground.broker.pk, ground.vhost)))


def _export(ground: Ground) -> str:
    found = _shown(ground).exported()
    return json.dumps(found) if isinstance(found, dict) else str(found)


def _filter(ground: Ground) -> str:
    """The canary where some filter by it finds the message."""
    reader = reader_of(ground.person, ground.broker.pk, ground.vhost)
    headers = [{"header": f"{name}={ground.canary}"} for name in ground.message.headers]
    found = [
        wanted
        for wanted in ({"body": ground.canary}, {"property": f"reply_to={ground.canary}"}, *headers)
        if match(ground.message, reader, Match.of(wanted))
    ]
    return repr(found)


def _audit(ground: Ground) -> str:
    record_reading(ground.person, ground.broker, ground.vhost, "queue orders", 1, "peek")
    return repr(list(AuditEntry.objects.values()))


def _log(ground: Ground) -> str:
    """What a log or a traceback prints of what the door returns."""
    return repr((_shown(ground), reader_of(ground.person, ground.broker.pk, ground.vhost)))


def _job(ground: Ground) -> str:
    """The pages and the API of a job whose message couldn't be moved."""
    now = timezone.now()
    job = MessageJob.objects.create(
        broker=ground.broker, vhost=ground.vhost, queue="orders", mode="delete", created_at=now,
        author=ground.person, author_name=ground.person.username,
    )  # fmt: skip
    MessageOutcome.objects.create(
        job=job, at=now, outcome="refused", fingerprint="f", exchange="shop", routing_key="k",
        message_id=str(ground.message.properties.message_id or ""), reason="full",
    )  # fmt: skip
    client, api = Client(), APIClient()
    client.force_login(ground.person)
    api.force_login(ground.person)
    page = client.get(reverse("message_job", args=[job.pk]))
    answer = api.get(f"/api/v1/message-jobs/{job.pk}/outcomes/")
    assert (page.status_code, answer.status_code) == (200, 200)
    return page.content.decode() + answer.content.decode()


FACES = (
    Face("job", _job),
    Face("page", _page),
    Face("API", _api),
    Face("download and raw", _raw),
    Face("export", _export),
    Face("filter", _filter),
    Face("audit", _audit),
    Face("log", _log),
    Face("peek page", peek_faces.peek_page),
    Face("peek filter", peek_faces.peek_filter),
    Face("peek download", peek_faces.peek_download),
    Face("peek export", peek_faces.peek_export),
    Face("peek API", peek_faces.peek_api),
    Face("peek command", peek_faces.peek_command),
)
