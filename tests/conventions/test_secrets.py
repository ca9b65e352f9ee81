"""A secret that goes in comes out nowhere: no page, answer, log line, audit row or table."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.urls import get_resolver, reverse

from tests.conventions.routes import ADMIN, ROUTES
from tests.conventions.test_routes import walk

pytestmark = pytest.mark.django_db

PASSWORD = "canary-4d1f-broker-password"


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


def test_a_password_and_a_token_come_out_nowhere(
    client: Client, superuser: Any, api: Any, api_token: str, log: Any, live_broker: Any
) -> None:
    client.force_login(superuser)
    sent = {
        "name": "canary", "management_url": live_broker.url, "username": live_broker.username,
        "password": PASSWORD,
    }  # fmt: skip
    shown: list[str] = []

    def look(answer: Any) -> Any:
        body = b"".join(answer) if answer.streaming else answer.content
        shown.append(body.decode("utf-8", "replace") + repr(sorted(answer.headers.items())))
        return answer

    broker_id = look(api.post("/api/v1/brokers/", sent)).json()["id"]
    # Whatever can go wrong with it: refused, unreadable, doubled, wrong key, wrong log-in.
    look(api.post("/api/v1/brokers/", sent))
    look(api.post("/api/v1/brokers/", {**sent, "name": "b", "username": "a:b"}))
    look(api.post("/api/v1/brokers/", {**sent, "nope": 1}))
    look(api.post("/api/v1/brokers/", {**sent, "password": PASSWORD + "\0"}))
    look(api.post("/api/v1/brokers/", {**sent, "password": {"x": PASSWORD}}))
    look(api.generic("POST", "/api/v1/brokers/", f'{{"password": "{PASSWORD}"', "application/json"))
    look(api.post("/api/v1/brokers/test/", sent))
    look(api.post(f"/api/v1/brokers/{broker_id}/test/"))
    look(api.patch(f"/api/v1/brokers/{broker_id}/", {"password": PASSWORD + "2"}))
    look(client.post(reverse("broker_add"), {**sent, "name": ""}))
    look(client.post(reverse("broker_edit", args=[broker_id]), {**sent, "name": ""}))
    look(client.post(reverse("admin:console_broker_add"), {**sent, "name": ""}))
    look(api.get("/api/v1/whoami/"))
    look(api.get("/api/v1/tokens/"))

    for route in ROUTES.values():
        if route.get != "none" and route.arguments in ((), ("broker",)):
            address = reverse(route.name, args=[broker_id] * len(route.arguments))
            if route.name != "account_logout":
                look(client.get(address))
    for address, pattern in walk(get_resolver()):
        if address.startswith(ADMIN) and pattern.name and "changelist" in pattern.name:
            look(client.get(reverse(f"admin:{pattern.name}")))
    look(client.get(reverse("admin:console_broker_change", args=[broker_id])))

    stored = []
    with connection.cursor() as cursor:
        for model in apps.get_models():
            if model._meta.swapped or not model._meta.managed:
                continue
            cursor.execute(f'SELECT t::text FROM "{model._meta.db_table}" t')  # noqa: S608
            stored += [row[0] for row in cursor.fetchall()]
    assert any("canary" in row for row in stored), "the broker itself must be among them"
    assert len(shown) > 40
    said = [record.getMessage() + repr(record.__dict__) for record in log.records]
    for place, texts in (("shown", shown), ("stored", stored), ("logged", said)):
        for secret in (PASSWORD, api_token, live_broker_basic(live_broker)):
            hits = [text[:300] for text in texts if secret in text]
            assert hits == [], f"{place}: {len(hits)}"


def live_broker_basic(live_broker: Any) -> str:
    from base64 import b64encode

    return b64encode(f"{live_broker.username}:{PASSWORD}".encode()).decode()
