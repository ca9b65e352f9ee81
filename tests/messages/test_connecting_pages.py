"""The page Connect and its API; the code that they offer run against a live broker."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.db import connection as database
from django.test import Client
from django.urls import reverse

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.models import AuditEntry, BrokerStatus
from console.rabbitmq.endpoint import Secret
from tests.factories import add_user, add_vhost, permit, permit_topic
from vhosts.messages.connecting.code.clients import CLIENTS
from vhosts.messages.connecting.way import way_to

pytestmark = pytest.mark.django_db

PASSWORD = "canary-7f3a p@ss"
API = "/api/v1"


class App:
    """A user of the live broker with a permission in a virtual host, seen by the console."""

    def __init__(self, live: Any, vhost: Any, broker: Any, now: datetime) -> None:
        self.live, self.vhost, self.broker, self.now = live, vhost.name, broker, now
        self.name = f"a\"p'{uuid4().hex[:6]}\\"
        live.call("PUT", "users", self.name, body={"password": PASSWORD, "tags": ""})
        given = live.amqp_parameters()
        listeners = [{"node": "rabbit@a", "protocol": "amqp", "address": "::", "port": given.port}]
        BrokerStatus.objects.filter(broker=broker).update(
            inventory_at=now, listeners=listeners, state="reachable", answered_at=now
        )
        broker.refresh_from_db()
        add_user(broker, self.name, now)
        add_vhost(broker, self.vhost, now)

    def permit(self, *patterns: str) -> None:
        three = patterns or (".*", ".*", ".*")
        body = dict(zip(("configure", "write", "read"), three, strict=True))
        self.live.call("PUT", "permissions", self.vhost, self.name, body=body)
        permit(self.broker, self.name, self.vhost, self.now, *three)

    @property
    def query(self) -> dict[str, Any]:
        return {"broker": self.broker.pk, "vhost": self.vhost, "user": self.name}

    def page(self, **more: str) -> str:
        return f"{reverse('connect')}?{urlencode({**self.query, **more})}"

    @property
    def proof(self) -> str:
        return f"{reverse('connect_prove')}?{urlencode(self.query)}"


@pytest.fixture
def app(live_broker: Any, scratch_vhost: Any, make_broker: Any, now: datetime) -> Iterator[App]:
    made = App(live_broker, scratch_vhost, make_broker(), now)
    yield made
    live_broker.forget("users", made.name)


@pytest.fixture
def root(client: Client, superuser: Any) -> Client:
    client.force_login(superuser)
    return client


def run(code: str, folder: Path, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    file = folder / "hello.py"
    file.write_text(code)
    return subprocess.run(
        [sys.executable, str(file)], cwd=folder, capture_output=True, text=True, timeout=120,
        env={**os.environ, "RABBITMQ_PASSWORD": password},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("client_name", "says"), [("pika", "hello"), ("kombu", "hello"), ("celery", "Connected.")]
)
def test_a_python_client_connects_with_the_code_and_gets_its_message_back(
    app: App, api: Any, tmp_path: Path, client_name: str, says: str
) -> None:
    """Publish/subscribe, and a Python client connects: as the user copies it, hello in, hello out."""
    app.permit()
    found = api.get(f"{API}/connect/?{urlencode(app.query)}").json()
    code = next(one["code"] for one in found["snippets"] if one["client"] == client_name)
    done = run(code, tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, says), done.stderr
    refused = run(code, tmp_path, "wrong")
    assert refused.returncode != 0
    assert says not in refused.stdout


def test_code_of_a_user_that_may_declare_nothing_connects_only(
    app: App, api: Any, tmp_path: Path
) -> None:
    app.permit("^$", ".*", ".*")
    found = api.get(f"{API}/connect/?{urlencode(app.query)}").json()
    codes = {one["client"]: one["code"] for one in found["snippets"]}
    assert set(codes) == set(CLIENTS)
    assert not any(
        "hello" in code for name, code in codes.items() if name not in ("celery", "java")
    )
    done = run(codes["pika"], tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "Connected."), done.stderr


def test_the_page_says_what_the_user_may_do(app: App, root: Client) -> None:
    app.permit(r"^orders\.", "^topic$", ".*")
    permit_topic(app.broker, app.name, app.vhost, "amq.topic", app.now)
    shown = root.get(app.page()).content.decode()
    assert "May declare and delete queues and exchanges: names that begin with orders." in shown
    assert "May publish to exchanges: only topic" in shown
    assert "May consume from every queue." in shown
    assert "Topic permissions limit its routing keys too." in shown
    assert "It sends no message" in shown


def test_a_user_without_permission_there_is_said_to_have_none(app: App, root: Client) -> None:
    shown = root.get(app.page()).content.decode()
    assert "This user has no permission in this virtual host yet." in shown
    # Only a complete listing makes a missing permission none.
    BrokerStatus.objects.filter(broker=app.broker).update(part_errors={"permissions": "Refused."})
    shown = root.get(app.page()).content.decode()
    assert "no permission in this virtual host yet" not in shown
    assert "Unknown. Refused." in shown


@pytest.mark.parametrize("name", list(CLIENTS))
def test_every_client_has_a_tab_with_a_copy_button(app: App, root: Client, name: str) -> None:
    app.permit()
    shown = root.get(app.page(client=name)).content.decode()
    assert len(re.findall(r'aria-current="page">', shown)) >= 1
    (copied,) = re.findall(r'data-copy="([^"]*)" aria-label="Copy the code"', shown)
    assert "RABBITMQ_PASSWORD" in copied
    assert PASSWORD not in shown


def test_links_lead_here_from_the_user_the_virtual_host_and_permissions(
    app: App, root: Client
) -> None:
    app.permit()
    from accessctl.models import BrokerUser
    from vhosts.models import VirtualHost

    user, vhost = BrokerUser.objects.get(name=app.name), VirtualHost.objects.get(name=app.vhost)
    for address in (
        reverse("user", args=[user.pk]),
        reverse("vhost", args=[vhost.pk]),
        f"{reverse('permissions')}?broker={app.broker.pk}",
    ):
        assert f"{reverse('connect')}?broker={app.broker.pk}" in root.get(address).content.decode()


def test_names_that_are_missing_are_asked_for(app: App, root: Client) -> None:
    answer = root.get(f"{reverse('connect')}?broker={app.broker.pk}&vhost={app.vhost}")
    assert answer.status_code == 200
    assert b"Show code" in answer.content
    answer = root.get(f"{reverse('connect')}?{urlencode({**app.query, 'user': 'nobody'})}")
    assert answer.status_code == 400
    assert b"No such user was found" in answer.content


def test_an_address_that_is_unknown_is_said_to_be(app: App, root: Client, api: Any) -> None:
    BrokerStatus.objects.filter(broker=app.broker).update(listeners=[])
    shown = root.get(app.page()).content.decode()
    assert "No AMQP address is known" in shown
    assert "Prove sign-in" not in shown
    told = api.get(f"{API}/connect/?{urlencode(app.query)}").json()
    assert (told["servers"], told["uris"], told["snippets"]) == ([], [], [])
    assert told["unknown"].startswith("The broker didn't report")


def test_the_proof_shows_each_step(app: App, root: Client, api: Any) -> None:
    app.permit()
    answer = root.post(app.proof, {"password": PASSWORD, "messages": "on"})
    shown = answer.content.decode()
    assert answer.status_code == 200
    assert "The sign-in works" in shown
    assert "Got the message back." in shown
    told = api.post(f"{API}/connect/prove/", {**app.query, "password": PASSWORD}).json()
    assert told["ok"]
    assert [step["name"] for step in told["steps"]][-1] == "receive"
    entry = AuditEntry.objects.filter(action="user:prove").latest("pk")
    assert (entry.target, entry.after["failed_step"]) == (app.name, None)


def test_the_proof_names_the_step_that_fails(app: App, api: Any) -> None:
    told = api.post(f"{API}/connect/prove/", {**app.query, "password": "wrong"}).json()
    assert not told["ok"]
    (failed,) = [step for step in told["steps"] if step["outcome"] == "failed"]
    assert failed["name"] == "login"
    told = api.post(f"{API}/connect/prove/", {**app.query, "password": PASSWORD}).json()
    (failed,) = [step for step in told["steps"] if step["outcome"] == "failed"]
    assert failed["name"] == "virtual_host"


def test_passwords_cannot_be_guessed(app: App, root: Client, api: Any) -> None:
    """The limits of failed sign-ins count refused passwords, for page and API together."""
    app.permit()
    for _ in range(3):
        assert root.post(app.proof, {"password": "wrong"}).status_code == 200
    for _ in range(2):
        sent = {**app.query, "password": "wrong", "messages": False}
        assert api.post(f"{API}/connect/prove/", sent).status_code == 200
    limited = root.post(app.proof, {"password": PASSWORD})
    assert limited.status_code == 429
    assert b"Too many refused passwords" in limited.content
    refused = api.post(f"{API}/connect/prove/", {**app.query, "password": PASSWORD})
    assert (refused.status_code, refused["Retry-After"]) == (429, "300")
    # Nothing was tried: RabbitMQ saw the five.
    assert AuditEntry.objects.filter(action="user:prove").count() == 5


def test_accepted_passwords_do_not_count(app: App, api: Any) -> None:
    app.permit()
    for _ in range(7):
        sent = {**app.query, "password": PASSWORD, "messages": False}
        assert api.post(f"{API}/connect/prove/", sent).status_code == 200


def test_the_password_comes_out_nowhere(
    app: App, root: Client, api: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    app.permit()
    shown = []
    for password in (PASSWORD, PASSWORD + "wrong", PASSWORD + "\0", PASSWORD * 100):
        for sent in ({"password": password}, {"password": password, "user": "x"}):
            shown.append(root.post(app.proof, sent).content.decode())
            body = {**app.query, **sent}
            shown.append(api.post(f"{API}/connect/prove/", body).content.decode())
    shown.append(root.post(reverse("connect_prove"), {"password": PASSWORD}).content.decode())
    assert not [text for text in shown if PASSWORD in text or "canary-7f3a" in text]
    logged = [record.getMessage() + repr(record.__dict__) for record in caplog.records]
    assert not [text for text in logged if "canary-7f3a" in text]
    with database.cursor() as cursor:
        for table in ("console_auditentry", "console_cache", "django_session"):
            if table in database.introspection.table_names():
                cursor.execute(f"SELECT t::text FROM {table} t")  # noqa: S608
                assert not [row for row in cursor.fetchall() if "canary-7f3a" in row[0]]
    assert "canary" not in repr(Secret(PASSWORD))


def test_a_viewer_sees_the_code_and_proves_nothing(
    app: App, client: Client, django_user_model: Any
) -> None:
    app.permit()
    person = django_user_model.objects.create_user("viewer")
    Grant.objects.create(
        user=person,
        role=Role.VIEWER,
        broker=app.broker,
        vhost_pattern=app.vhost,
        created_at=app.now,
    )
    client.force_login(person)
    shown = client.get(app.page())
    assert shown.status_code == 200
    assert b"Prove sign-in" not in shown.content
    assert client.post(app.proof, {"password": PASSWORD}).status_code == 403


def listener(node: str, protocol: str, port: int) -> dict[str, Any]:
    return {"node": node, "protocol": protocol, "address": "::", "port": port}


def test_the_address_is_what_the_broker_has(make_broker: Any, now: datetime) -> None:
    broker = make_broker(
        management_url="https://n1.example:15671",
        other_urls="https://n2.example:15671\nhttps://n3:15671",
    )

    def given(*listeners: dict[str, Any], **columns: Any) -> Any:
        BrokerStatus.objects.filter(broker=broker).update(listeners=list(listeners))
        broker.refresh_from_db()
        for name, value in columns.items():
            setattr(broker, name, value)
        return way_to(broker)

    assert given().unknown.startswith("The broker didn't report")
    way = given(
        listener("rabbit@n1", "amqp", 5672), listener("rabbit@n1", "amqp/ssl", 5671),
        listener("rabbit@n2", "amqp/ssl", 5673), listener("rabbit@n3", "amqp/ssl", 5671),
    )  # fmt: skip
    assert way.tls
    assert not way.in_clear
    assert [(one.host, one.port) for one in way.servers] == [
        ("n1.example", 5671), ("n2.example", 5673), ("n3", 5671),
    ]  # fmt: skip
    assert any("different ports" in note for note in way.notes)
    assert any("without TLS, on port 5672" in note for note in way.notes)
    clear = given(listener("rabbit@n1", "amqp", 5672))
    assert (clear.tls, clear.in_clear) == (False, True)
    fixed = given(amqp_url="amqps://balancer.example:5999/%2F")
    assert [(one.host, one.port) for one in fixed.servers] == [("balancer.example", 5999)]
    assert fixed.tls


def test_a_password_is_not_sent_in_clear_to_a_broker_with_https(app: App, api: Any) -> None:
    type(app.broker).objects.filter(pk=app.broker.pk).update(
        management_url="https://127.0.0.1:15671"
    )
    refused = api.post(f"{API}/connect/prove/", {**app.query, "password": PASSWORD})
    assert refused.status_code == 409
    assert "isn't sent there" in refused.content.decode()


def test_names_of_any_kind_are_shown_and_escaped(
    make_broker: Any, now: datetime, root: Client
) -> None:
    broker = make_broker()
    BrokerStatus.objects.filter(broker=broker).update(
        inventory_at=now, listeners=[listener("rabbit@a", "amqp", 5672)]
    )
    for number, evil in enumerate(
        ("<script>alert(1)</script>", "a\n\u202eb", '"><img src=x>', "${x}`")
    ):
        user, vhost = evil, f"{evil}{number}"
        add_user(broker, user, now)
        add_vhost(broker, vhost, now)
        query = urlencode({"broker": broker.pk, "vhost": vhost, "user": user})
        for name in CLIENTS:
            shown = root.get(f"{reverse('connect')}?{query}&client={name}").content.decode()
            assert "<script>alert" not in shown
            assert "<img src=x" not in shown
            code = shown.partition("<pre")[2].partition("</pre>")[0]
            assert "\u202e" not in code
