"""Masks and rights hold on every face, and there is no other door to a message."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pika
import pytest

from accessctl.grants.roles import Role
from console.rabbitmq.amqp.message import Message
from tests.messages.faces import FACES, Ground
from vhosts.models import MaskingRule

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parents[2]
CANARY = "canary-4111-1111"
#: Modules besides the door that touch the inside of a message, each without showing it.
INSIDE = {
    "vhosts/messages/showing.py": "the door",
    "vhosts/messages/headers.py": "the door's rows",
    "vhosts/messages/matching.py": "filters, through the door's rows and bodies",
    "vhosts/messages/peeking/kept.py": "keeps what was read encrypted; shown through the door",
    "vhosts/messages/peeking/rows.py": "counts the bytes that were read",
    "vhosts/messages/moving/running/choice.py": "tells messages apart by fingerprint",
    "vhosts/messages/moving/running/outcomes.py": "notes fingerprints and sizes",
    "vhosts/messages/moving/running/outgoing.py": "publishes what it got",
    "vhosts/messages/moving/running/transfer.py": "publishes what it got",
    "vhosts/messages/listening/buffer.py": "keeps what was tapped; shown through the door",
    "vhosts/messages/dead_letters/editing/service.py": "edits only what its reader sees whole",
    "vhosts/messages/dead_letters/parsing/grouping.py": "groups; its texts are shown through the door",
    "vhosts/messages/dead_letters/replay/plan.py": "publishes what it got",
}


def ground(broker, person, body=True):
    payload = {"card": {"number": CANARY}, "lines": [{"number": CANARY}]} if body else {"open": 1}
    headers = {
        "x-token": CANARY, "table": {"x-token": [CANARY]}, "open": "visible",
        "x-death": [{"queue": "orders", "reason": "rejected", "count": 1, "x-token": CANARY}],
    }  # fmt: skip
    properties = pika.BasicProperties(
        headers=headers, reply_to=CANARY, message_id=CANARY, content_type="application/json"
    )
    one = Message("shop", "order.new", False, properties, json.dumps(payload).encode())
    return Ground(broker, "/", person, one, CANARY)


@pytest.fixture
def masks(now):
    for subject, target in (
        ("header", "x-token"),
        ("header", "reply-to"),
        ("header", "message-id"),
        ("body", "$..number"),
    ):
        MaskingRule.objects.create(subject=subject, target=target, action="mask", created_at=now)


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_without_masks_the_canary_is_seen(face, broker, superuser):
    """Otherwise the next test proves nothing. Audit entries never hold contents."""
    assert (CANARY in face.show(ground(broker, superuser))) == (face.name != "audit")


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
@pytest.mark.parametrize("who", ["superuser", "reading"])
def test_masks_hold_on_every_face(face, who, broker, request, masks):
    found = face.show(ground(broker, request.getfixturevalue(who)))
    assert CANARY not in found
    assert CANARY.encode().hex() not in found


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_metadata_alone_shows_no_body(face, broker, person, now):
    """With messages:view and messages:export, but not messages:read."""
    for target in ("x-token", "reply-to", "message-id"):
        MaskingRule.objects.create(subject="header", target=target, action="remove", created_at=now)
    found = face.show(ground(broker, person("op", (Role.OPERATOR, False))))
    assert CANARY not in found


def touching(source: str) -> list[int]:
    """Lines that read the body, headers or properties of something named as a message."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and node.attr in ("body", "headers", "properties")
        and isinstance(node.value, ast.Name | ast.Attribute)
        and (node.value.id if isinstance(node.value, ast.Name) else node.value.attr)
        in ("message", "_message", "msg", "letter")
    ]


def test_nothing_but_the_door_opens_messages():
    found = {
        str(file.relative_to(ROOT)): lines
        for folder in ("vhosts", "console/management", "console/pages", "console/faces")
        for file in (ROOT / folder).rglob("*.py")
        if "vhosts/messages" in str(file) or "amqp.message import" in file.read_text()
        if (lines := touching(file.read_text()))
    }
    assert set(found) <= set(INSIDE), f"show it by vhosts.messages.showing: {found}"
    assert touching("x = taken.message.body\ny = message.headers['a']") == [1, 2]


def test_no_template_opens_a_message():
    """A template gets what is shown, which has no body."""
    bad = [
        str(file.relative_to(ROOT))
        for file in (ROOT / "templates/vhosts/messages").rglob("*.html")
        if "message.body" in file.read_text() or "message._" in file.read_text()
    ]
    assert bad == []
