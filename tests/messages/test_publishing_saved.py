"""Saved messages: who sees, reads and changes them; and publishing by command."""

from __future__ import annotations

import json
from datetime import datetime
from io import BytesIO, StringIO, TextIOWrapper
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from accessctl.grants.roles import Role
from accessctl.models import Grant
from vhosts.messages.publishing.message import read_message
from vhosts.messages.publishing.saved.service import (
    content_of,
    may_change,
    may_read,
    save,
    visible_to,
)
from vhosts.messages.publishing.where import Place
from vhosts.models import MessageTemplate

pytestmark = pytest.mark.django_db

CANARY = "canary-payload-7f"


def grant(user: Any, now: datetime, role: Role = Role.OPERATOR, **more: Any) -> Any:
    Grant.objects.create(user=user, role=role, created_at=now, **more)
    return type(user).objects.get(pk=user.pk)


@pytest.fixture
def secret(broker_row: Any, django_user_model: Any, now: datetime) -> MessageTemplate:
    broker = broker_row(environment="development")
    owner = grant(django_user_model.objects.create_user("owner"), now, broker=broker)
    draft = read_message({"routing_key": "q", "payload": CANARY, "headers": {"token": CANARY}})
    return save(draft, Place(broker, "/"), name="a", body_format="text", secret=True, actor=owner)


def test_a_secret_payload_is_for_its_owner_and_those_who_read_messages(
    secret: MessageTemplate, client: Any, django_user_model: Any, now: datetime
) -> None:
    create = django_user_model.objects.create_user
    other = grant(create("other"), now, broker=secret.broker)
    reader = grant(create("reader"), now, broker=secret.broker, reads_messages=True)
    stranger = grant(create("stranger"), now, broker=secret.broker, vhost_pattern="x")
    viewer = grant(create("viewer"), now, Role.VIEWER, broker=secret.broker)
    assert [may_read(one, secret) for one in (secret.owner, reader, other)] == [True, True, False]
    assert [may_change(one, secret) for one in (secret.owner, reader, other)] == [True, True, False]
    assert [visible_to(one).count() for one in (other, stranger, viewer)] == [1, 0, 0]
    assert content_of(other, secret).body == b""
    assert content_of(reader, secret).body == CANARY.encode()

    query = {"broker": secret.broker_id, "vhost": "/", "template": secret.pk}
    addresses = [
        (reverse("message_publish"), query),
        (reverse("message_templates"), {}),
        (f"/api/v1/publish/templates/{secret.pk}/", {}),
        ("/api/v1/publish/templates/", {}),
        (reverse("message_template_delete", args=[secret.pk]), {}),
    ]
    for person, found in ((other, False), (reader, True)):
        client.force_login(person)
        shown = [client.get(address, fields) for address, fields in addresses]
        assert [one.status_code for one in shown] == [200] * len(addresses)
        assert any(CANARY in one.content.decode() for one in shown) is found
    client.force_login(other)
    assert "secret" in client.get(*addresses[0]).content.decode()
    assert client.delete(addresses[2][0]).status_code == 403
    client.force_login(stranger)
    assert client.get(*addresses[2]).status_code == 404
    assert CANARY not in str(MessageTemplate.objects.values())


def test_the_page_saves_and_fills_the_form_exactly(
    client: Any, superuser: Any, broker_row: Any
) -> None:
    client.force_login(superuser)
    broker = broker_row()
    address = reverse("message_publish")
    body = {
        "broker": broker.pk, "vhost": "/", "token": uuid4().hex, "exchange": "e", "routing_key": "k",
        "body": "00ff", "body_format": "hex", "priority": "4", "delay": "1500", "name": "<b>one",
        "header_name": ["n"], "header_type": ["double"], "header_value": ["2.5"], "step": "save",
    }  # fmt: skip
    answer = client.post(address, body)
    assert "Message saved" in answer.content.decode(), answer.content.decode()
    found = MessageTemplate.objects.get()
    assert content_of(superuser, found).body == b"\0\xff"
    client.post(address, {**body, "body": "01", "for_all": ""})
    assert MessageTemplate.objects.count() == 1
    page = client.get(address, {"broker": broker.pk, "vhost": "/", "template": found.pk})
    form = page.context["form"]
    assert form["body"].value() == "01"
    assert form["delay"].value() == "1500"
    assert form["priority"].value() == 4
    assert next((row.name, row.type, row.value) for row in page.context["headers"]) == (
        "n", "double", "2.5",
    )  # fmt: skip
    assert "<b>one" not in page.content.decode()
    deleted = client.post(reverse("message_template_delete", args=[found.pk]), follow=True)
    assert "was deleted" in deleted.content.decode()
    assert not MessageTemplate.objects.exists()


def command(*words: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("messages", "publish", *words, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_the_command_publishes_and_its_exit_code_says_what_became_of_it(
    place: Place, superuser: Any, scratch_vhost: Any, tmp_path: Any, monkeypatch: Any
) -> None:
    scratch_vhost.declare("q")
    here = ("--broker", place.broker.name, "--vhost", place.vhost)
    code, said = command(*here, "--queue", "q", "--body", "a", "--property", "priority=3", "--json")
    assert (code, json.loads(said)["outcome"]) == (0, "confirmed")
    code, said = command(*here, "--queue", "missing", "--body", "a")
    assert code == 2
    assert "Not routed" in said
    for _ in range(2):
        assert command(*here, "--queue", "q", "--body", "b", "--once", "k")[0] == 0
    assert scratch_vhost.channel.queue_declare("q", passive=True).method.message_count == 2
    file = tmp_path / "m.jsonl"
    file.write_text('{"routing_key": "q"}\n{"routing_key": "no"}\n')
    code, said = command(*here, "--lines", str(file))
    assert (code, said.strip()) == (2, "2 messages: 1 confirmed, 1 not routed.")
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(b'{"routing_key": 1}')))
    with pytest.raises(CommandError, match="1 line is wrong"):
        command(*here, "--lines", "-")
    with pytest.raises(CommandError, match="priority"):
        command(*here, "--queue", "q", "--property", "priority=300")
