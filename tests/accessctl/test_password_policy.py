"""Passwords of RabbitMQ users are hashed here: the broker's own rules don't see them, the console's do."""

from __future__ import annotations

import json
import urllib.request
from base64 import b64encode
from html import unescape
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit

import pytest
from django.urls import reverse

from accessctl.passwords.policy import NOT_JUDGED, rules_in_words, why_weak
from accessctl.users.rules import Password
from console.errors import InvalidField
from console.rabbitmq.endpoint import Secret
from console.rabbitmq.passwords import SHA256, hash_password
from tests.faults.own_node import OwnNode

API = "/api/v1"


@pytest.fixture
def strict(settings):
    settings.BROKER_PASSWORD_LENGTH = 10
    settings.BROKER_PASSWORD_CLASSES = 3
    settings.BROKER_PASSWORD_REFUSE_COMMON = True


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Short1!", "at least 10 characters"),
        ("alllowercaseletters", "Use 3 of these"),
        ("lower and 1234 spaces", ""),
        ("Password123", "common"),
        ("Ünïcödé-löng-enough", ""),
    ],
)
def test_each_rule_says_what_to_do(strict, text, says):
    settings_say = why_weak(text)
    assert says in settings_say if says else settings_say == ""
    assert text not in settings_say


def test_without_settings_everything_goes():
    assert why_weak("a") == ""
    assert rules_in_words() == ""


def test_a_hash_is_not_judged(strict):
    hashed = hash_password(Secret("a")).reveal()
    assert Password(hashed=hashed).secrets()["password_hash"] == hashed
    with pytest.raises(InvalidField) as refused:
        Password(clear=Secret("a")).secrets()
    assert refused.value.field == "password"


@pytest.mark.django_db
def test_page_and_api_refuse_and_say_why(strict, client, superuser, api, broker_row):
    broker = broker_row()
    body = {"broker": broker.pk, "name": "u", "password": "short"}
    answer = api.post(f"{API}/users/?dry_run=true", body, format="json")
    assert answer.status_code == 400
    assert "at least 10 characters" in answer.content.decode()
    assert "short" not in answer.content.decode().replace("too short", "")
    client.force_login(superuser)
    page = unescape(client.get(f"{reverse('user_create')}?broker={broker.pk}").content.decode())
    assert "This console asks for at least 10 characters" in page
    assert "credential_validator" in page
    assert NOT_JUDGED in page


@pytest.mark.django_db
def test_a_generated_password_meets_every_rule(settings, api, broker_row):
    settings.BROKER_PASSWORD_LENGTH = 24
    settings.BROKER_PASSWORD_REFUSE_COMMON = True
    body = {"broker": broker_row().pk, "name": "u", "generate_password": True}
    assert api.post(f"{API}/users/?dry_run=true", body, format="json").status_code == 200


@pytest.mark.faults
def test_the_broker_judges_a_clear_password_and_no_hash(tmp_path):
    rules = (
        "credential_validator.validation_backend = rabbit_credential_validator_min_password_length",
        "credential_validator.min_length = 10",
    )
    with OwnNode(tmp_path, rules) as node:

        def put(name, body):
            parts = urlsplit(node.url)
            login = b64encode(f"{parts.username}:{parts.password}".encode()).decode()
            request = urllib.request.Request(
                f"http://{parts.hostname}:{parts.port}/api/users/{quote(name)}",
                method="PUT",
                data=json.dumps(body).encode(),
                headers={"Authorization": f"Basic {login}", "Content-Type": "application/json"},
            )
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            try:
                with opener.open(request, timeout=30) as answer:
                    return answer.status
            except HTTPError as error:
                return error.code

        assert put("clear", {"password": "short", "tags": ""}) == 400
        hashed = {
            "password_hash": hash_password(Secret("short")).reveal(),
            "hashing_algorithm": SHA256,
        }
        assert put("hashed", {**hashed, "tags": ""}) == 201
