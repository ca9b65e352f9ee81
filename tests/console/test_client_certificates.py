"""A broker's client certificate at every door: the key goes in, is used, and never comes out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import call_command

from console.brokers.broker_settings import BrokerSettings
from console.brokers.connect import endpoint_of
from console.brokers.registry import edit_broker
from console.errors import InvalidField
from console.management.commands.ensure_broker import ensure_broker
from console.models import AuditEntry, Broker
from console.secrets import decrypt
from tests.certificates import Authority

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 1, tzinfo=UTC)
AUTHORITY = Authority()
ONE, TWO = AUTHORITY.issue("one"), AUTHORITY.issue("two")
SETTINGS: dict[str, Any] = {
    "name": "orders", "environment": "development", "management_url": "https://10.0.0.1:15671",
    "username": "u", "password": "p",
}  # fmt: skip
SHOWN = {"tls_client_certificate": ONE.pem, "tls_client_key": ONE.key}


def by_form(browser: Any, api: Any, fields: dict[str, Any]) -> Any:
    return browser.post("/brokers/add/", {**SETTINGS, "poll_interval_s": 10, **fields})


def by_api(browser: Any, api: Any, fields: dict[str, Any]) -> Any:
    return api.post("/api/v1/brokers/", {**SETTINGS, **fields})


def by_admin(browser: Any, api: Any, fields: dict[str, Any]) -> Any:
    return browser.post("/admin/console/broker/add/", {**SETTINGS, "poll_interval_s": 10, **fields})


def by_command(browser: Any, api: Any, fields: dict[str, Any]) -> None:
    given = {**SETTINGS, **fields}
    ensure_broker(given.pop("name"), given, NOW)


@pytest.fixture
def browser(client: Any, superuser: Any) -> Any:
    client.force_login(superuser)
    return client


@pytest.mark.parametrize("door", [by_form, by_api, by_admin, by_command])
def test_a_key_goes_in_by_each_door_and_comes_out_of_none(
    door: Any, browser: Any, api: Any
) -> None:
    door(browser, api, SHOWN)
    broker = Broker.objects.get(name="orders")
    line = ONE.key.splitlines()[1]
    assert line not in broker.tls_client_key_encrypted
    assert decrypt(broker.tls_client_key_encrypted).reveal().strip() == ONE.key.strip()
    tls = endpoint_of(broker).tls
    assert (tls.client_pem.strip(), bool(tls.client_key)) == (ONE.pem.strip(), True)
    entry = AuditEntry.objects.get(action="brokers:add")
    assert entry.after["tls_client_key"] == "set"
    assert line not in str(entry.after)
    assert ONE.pem.splitlines()[1] not in str(entry.after)
    for address in (
        f"/brokers/{broker.pk}/", f"/brokers/{broker.pk}/edit/", "/audit/",
        f"/admin/console/broker/{broker.pk}/change/",
    ):  # fmt: skip
        page = browser.get(address).content.decode()
        assert line not in page
        assert broker.tls_client_key_encrypted not in page
    shown = api.get(f"/api/v1/brokers/{broker.pk}/").json()
    assert shown["has_tls_client_key"] is True
    assert "tls_client_key" not in shown
    assert line not in str(shown)


@pytest.mark.parametrize("door", [by_form, by_api, by_admin])
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"tls_client_certificate": ONE.pem}, "tls_client_key"),
        ({"tls_client_key": ONE.key}, "tls_client_certificate"),
        ({"tls_client_certificate": ONE.pem, "tls_client_key": TWO.key}, "tls_client_certificate"),
        ({"tls_client_certificate": "x", "tls_client_key": "\u2603"}, "tls_client_certificate"),
    ],
)
def test_half_a_certificate_is_refused_at_its_field_and_not_sent_back(
    door: Any, browser: Any, api: Any, fields: dict[str, str], field: str
) -> None:
    answer = door(browser, api, fields)
    assert not Broker.objects.exists()
    if answer["Content-Type"].startswith("application/json"):
        assert [fault["attr"] for fault in answer.json()["errors"]] == [field]
    else:
        form = answer.context.get("adminform") or answer.context["form"]
        assert list(getattr(form, "form", form).errors) == [field]
    for key in (ONE, TWO):
        assert key.key.splitlines()[1] not in answer.content.decode()


def test_an_edit_keeps_replaces_and_deletes_the_key() -> None:
    by_command(None, None, SHOWN)
    broker = Broker.objects.get()
    stored = broker.tls_client_key_encrypted

    def edit(**fields: Any) -> Broker:
        current = BrokerSettings.of(broker)
        settings = BrokerSettings(**{**current.__dict__, **fields})
        return edit_broker(broker, settings, now=NOW, acting_user=None)

    assert edit(management_url="https://10.0.0.2:15671").tls_client_key_encrypted == stored
    with pytest.raises(InvalidField, match="doesn't belong"):
        edit(tls_client_certificate=TWO.pem)
    assert edit(tls_client_certificate="").tls_client_key_encrypted == ""
    assert AuditEntry.objects.latest("pk").after["tls_client_key"] == "cleared"
    with pytest.raises(InvalidField, match="Enter the key"):
        edit(tls_client_certificate=ONE.pem)


def test_the_command_changes_nothing_the_second_time_and_takes_a_new_key() -> None:
    by_command(None, None, SHOWN)
    given = {name: value for name, value in SETTINGS.items() if name != "name"}
    assert ensure_broker("orders", {**given, **SHOWN}, NOW) == "already up to date"
    renewed = {"tls_client_certificate": TWO.pem, "tls_client_key": TWO.key}
    assert ensure_broker("orders", {**given, **renewed}, NOW) == "changed"
    assert decrypt(Broker.objects.get().tls_client_key_encrypted).reveal() == TWO.key


def test_rotating_keys_covers_the_client_key(settings: Any) -> None:
    from cryptography.fernet import Fernet

    by_command(None, None, SHOWN)
    before = Broker.objects.get().tls_client_key_encrypted
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.ENCRYPTION_KEYS]
    call_command("rotate_keys")
    settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]
    broker = Broker.objects.get()
    assert broker.tls_client_key_encrypted != before
    assert decrypt(broker.tls_client_key_encrypted).reveal() == ONE.key
