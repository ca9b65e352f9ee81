"""What no broker can be called, log in with or be reached by, at the doors that bypass forms and serializers."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management.base import CommandError

from console.brokers.broker_settings import SECRETS, BrokerSettings
from console.brokers.registry import add_broker
from console.errors import ConsoleError, InvalidField
from console.management.commands.ensure_broker import ensure_broker
from console.models import Broker
from console.rabbitmq.endpoint import Secret

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "environment": "development",
    "management_url": "http://10.0.0.1:15672",
    "username": "u",
    "password": "p",
}
TEXTS = [
    name
    for name, field in {f.name: f for f in dataclasses.fields(BrokerSettings)}.items()
    if "str" in str(field.type) or "Secret" in str(field.type)
]


@pytest.mark.parametrize("text", ["\ud800", "a\0b", "\x00"], ids=ascii)
@pytest.mark.parametrize("name", TEXTS)
def test_text_that_cannot_be_stored_is_refused_at_its_field(name: str, text: str) -> None:
    given = {"name": "b", **GOOD, name: text}
    given |= {secret: Secret(given[secret]) for secret in SECRETS if secret in given}
    with pytest.raises(InvalidField) as refused:
        add_broker(BrokerSettings(**given), now=NOW, acting_user=None)
    assert refused.value.field == name


@pytest.mark.parametrize(
    "text", ["Żółć ☃", "\ud800", "a\0b", "x" * 1_000_000], ids=lambda t: ascii(t[:9])
)
@pytest.mark.parametrize("name", TEXTS)
def test_the_command_takes_it_or_says_why_not(name: str, text: str) -> None:
    given = {**GOOD, name: text}
    try:
        ensure_broker(given.pop("name", "b"), given, NOW)
    except (ConsoleError, CommandError):
        assert not Broker.objects.exists()


@pytest.mark.parametrize("name", ["ca bücher", "a..b", "x" * 64, "-", "*.example.org", "[::1]"])
def test_an_expected_name_that_no_certificate_can_be_asked_for_is_refused(name: str) -> None:
    settings = BrokerSettings(name="b", **{**GOOD, "password": Secret("p")}, tls_server_name=name)
    with pytest.raises(InvalidField) as refused:
        add_broker(settings, now=NOW, acting_user=None)
    assert refused.value.field == "tls_server_name"
