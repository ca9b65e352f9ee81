"""Adding, editing, switching, testing and forgetting a broker by its pages."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from console.models import AuditEntry, Broker
from console.secrets import decrypt
from tests.console import fleet

pytestmark = pytest.mark.django_db

GOOD = {
    "name": "orders-eu",
    "environment": "staging",
    "management_url": "https://rabbit.example.org:15671",
    "username": "warren",
    "password": "correct horse",
    "tls_verify": "on",
    "poll_interval_s": "15",
    "enabled": "on",
}


@pytest.fixture
def broker(db: None) -> Broker:
    return fleet.make("orders-eu", datetime.now(UTC))


def form_of(broker: Broker, **changes: Any) -> dict[str, Any]:
    stored = {name: getattr(broker, name) for name in ("name", "environment", "management_url")}
    return {
        **stored,
        "username": broker.username,
        "password": "",
        "tls_verify": "on",
        "poll_interval_s": broker.poll_interval_s,
        "enabled": "on",
        "generation": broker.generation,
        **changes,
    }


def test_adding_a_broker(admin_client: Client) -> None:
    answer = admin_client.post("/brokers/add/", GOOD, follow=True)
    broker = Broker.objects.get()
    assert answer.redirect_chain[-1][0] == f"/brokers/{broker.pk}/"
    assert "Broker orders-eu added." in answer.content.decode()
    assert broker.management_url == "https://rabbit.example.org:15671"
    assert broker.poll_interval_s == 15
    assert decrypt(broker.password_encrypted).reveal() == "correct horse"
    assert AuditEntry.objects.get().action == "brokers:add"


def test_an_error_keeps_what_was_typed_but_the_password(admin_client: Client) -> None:
    answer = admin_client.post(
        "/brokers/add/", {**GOOD, "management_url": "ftp://x", "username": ""}
    )
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "must begin with http" in page, "all that is wrong is said at once"
    assert "Enter a RabbitMQ user of the broker." in page
    assert 'value="orders-eu"' in page
    assert 'value="ftp://x"' in page
    assert "correct horse" not in page
    assert "enter them again" in page
    assert not Broker.objects.exists()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "Enter the URL"),
        ("rabbit.example.org", "must begin with http"),
        ("ftp://rabbit.example.org", "must begin with http"),
        ("file:///etc/passwd", "must begin with http"),
        ("gopher://rabbit.example.org", "must begin with http"),
        ("http://", "has no host"),
        ("http://user:password@rabbit.example.org", "Remove the username and password"),
        ("http://rabbit.example.org/?x=1", "can't have a query"),
        ("http://rabbit.example.org/#x", "can't have a #"),
        ("http://rabbit.example.org/a/../b", "can't contain . or .."),
        ("http://rabbit.example.org:99999", "can't be read"),
        ("http://rabbit.example.org:0", "between 1 and 65535"),
        ("http://rabbit.example.org\\@evil", "backslash"),
        ("http://rabbit example.org", "space"),
        ("http://169.254.169.254/latest/meta-data", "metadata"),
        ("http://[fd00:ec2::254]/", "metadata"),
        ("http://[::ffff:169.254.169.254]/", "metadata"),
        ("http://2852039166/", "metadata"),
        ("http://0xa9fea9fe/", "metadata"),
        ("http://0.0.0.0:15672", "isn't the address of a host"),
        ("http://224.0.0.1/", "multicast"),
        ("http://" + "a" * 600 + ".example.org", "500 characters"),
    ],
)
def test_an_address_that_leads_nowhere_good_is_refused_with_a_sentence(
    admin_client: Client, url: str, sentence: str
) -> None:
    answer = admin_client.post("/brokers/add/", {**GOOD, "management_url": url})
    assert answer.status_code == 400
    assert sentence in html.unescape(answer.content.decode())
    assert not Broker.objects.exists()


def test_loopback_and_private_addresses_need_a_setting(admin_client: Client, settings: Any) -> None:
    settings.ALLOW_LOOPBACK_BROKERS = settings.ALLOW_PRIVATE_BROKERS = False
    for url in ("http://127.0.0.1:15672", "http://localhost:15672", "http://10.0.0.5:15672"):
        answer = admin_client.post("/brokers/add/", {**GOOD, "management_url": url})
        assert "Allow it with CONSOLE_ALLOW_" in answer.content.decode(), url
    assert not Broker.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "", "Enter a name"),
        ("name", "x" * 101, "at most 100 characters"),
        ("name", "a\u202eb", "control characters"),
        ("environment", "moon", "not one of the available choices"),
        ("username", "a:b", "colon"),
        ("username", "ü" * 200, "255 bytes"),
        ("password", "", "Enter the password"),
        ("amqp_url", "http://rabbit.example.org", "must begin with amqp"),
        ("amqp_url", "amqp://169.254.169.254", "metadata"),
        ("tls_ca_pem", "not a certificate", "certificate"),
        ("poll_interval_s", "4", "at least 5"),
        ("poll_interval_s", "3601", "at most 3600"),
        ("poll_interval_s", "ten", "whole number"),
        ("poll_interval_s", "", "5 to 3600"),
    ],
)
def test_each_bad_field_gets_a_sentence(
    admin_client: Client, field: str, value: str, sentence: str
) -> None:
    answer = admin_client.post("/brokers/add/", {**GOOD, field: value})
    assert answer.status_code == 400
    assert sentence in html.unescape(answer.content.decode())
    assert not Broker.objects.exists()


def test_a_taken_name_is_refused(admin_client: Client, broker: Broker) -> None:
    answer = admin_client.post("/brokers/add/", GOOD)
    assert "A broker named orders-eu already exists." in answer.content.decode()
    assert Broker.objects.count() == 1


def test_a_file_that_is_no_certificate_is_refused(admin_client: Client) -> None:
    for content, sentence in (
        (b"\x00\xff\xfe", "isn’t PEM text"),
        (b"x" * 200_001, "larger than 200 KB"),
    ):
        answer = admin_client.post(
            "/brokers/add/", {**GOOD, "tls_ca_file": SimpleUploadedFile("ca.pem", content)}
        )
        assert sentence in html.unescape(answer.content.decode())
    assert not Broker.objects.exists()


def test_an_empty_password_keeps_the_stored_one(admin_client: Client, broker: Broker) -> None:
    page = admin_client.get(f"/brokers/{broker.pk}/edit/").content.decode()
    assert "A password is stored. Leave empty to keep it." in page
    answer = admin_client.post(f"/brokers/{broker.pk}/edit/", form_of(broker, name="orders"))
    assert answer.status_code == 302
    broker.refresh_from_db()
    assert broker.name == "orders"
    assert decrypt(broker.password_encrypted).reveal() == fleet.CANARY


@pytest.mark.parametrize(
    "change",
    [
        {"management_url": "https://other.example.org:15671"},
        {"management_url": "https://rabbit.example.org:15672"},
        {"management_url": "http://rabbit.example.org:15671"},
        {"management_url": "https://rabbit.example.org:15671/other-tenant"},
        {"tls_verify": ""},
        {"tls_server_name": "other.example.org"},
        {"amqp_url": "amqp://other.example.org"},
    ],
)
def test_moving_a_broker_clears_its_password_and_says_so(
    admin_client: Client, broker: Broker, change: dict[str, str]
) -> None:
    answer = admin_client.post(
        f"/brokers/{broker.pk}/edit/", form_of(broker, **change), follow=True
    )
    assert "Its stored password was cleared" in answer.content.decode()
    broker.refresh_from_db()
    assert not broker.has_password


def test_an_edit_over_somebody_elses_edit_is_refused(admin_client: Client, broker: Broker) -> None:
    form = form_of(broker, name="mine")
    Broker.objects.filter(pk=broker.pk).update(generation=broker.generation + 1, name="theirs")
    answer = admin_client.post(f"/brokers/{broker.pk}/edit/", form)
    assert "Someone else changed" in answer.content.decode()
    broker.refresh_from_db()
    assert broker.name == "theirs"


def test_switching_polling_off_and_on(admin_client: Client, broker: Broker) -> None:
    for value, enabled in (("0", False), ("1", True)):
        admin_client.post(f"/brokers/{broker.pk}/switch/", {"enabled": value})
        broker.refresh_from_db()
        assert broker.enabled is enabled
        assert broker.has_password


def test_forgetting_asks_for_the_name(admin_client: Client, broker: Broker) -> None:
    path = f"/brokers/{broker.pk}/forget/"
    assert "The broker itself isn’t changed" in admin_client.get(path).content.decode()
    answer = admin_client.post(path, {"confirm": "orders"})
    assert answer.status_code == 400
    assert "The name doesn’t match. Nothing was changed." in answer.content.decode()
    assert Broker.objects.exists()
    assert admin_client.post(path, {"confirm": "orders-eu"}).status_code == 302
    assert not Broker.objects.exists()
    assert AuditEntry.objects.get().action == "brokers:forget"


def test_a_field_alone_is_checked_by_the_same_rules(admin_client: Client, broker: Broker) -> None:
    typed = {"name": "orders-eu", "management_url": "ftp://x"}
    answer = admin_client.post("/brokers/add/check/?field=management_url", typed)
    assert "must begin with http" in answer.content.decode()
    answer = admin_client.post("/brokers/add/check/?field=name", typed)
    assert "A broker named" in answer.content.decode()
    answer = admin_client.post(f"/brokers/{broker.pk}/check/?field=name", typed)
    assert "already" not in answer.content.decode(), "its own name"
    answer = admin_client.post("/brokers/add/check/?field=__class__", typed)
    assert answer.content.decode().strip() == ""


def test_testing_a_connection_that_works(admin_client: Client, live_broker: Any) -> None:
    typed = {
        **GOOD,
        "name": "",
        "management_url": live_broker.url,
        "username": live_broker.username,
    }
    answer = admin_client.post("/brokers/add/test/", {**typed, "password": live_broker.password})
    page = answer.content.decode()
    assert "The connection works" in page
    assert f"Signed in as {live_broker.username}." in page
    assert not Broker.objects.exists(), "a test stores nothing"


def test_testing_says_which_step_failed(admin_client: Client, live_broker: Any) -> None:
    typed = {**GOOD, "management_url": live_broker.url, "password": "wrong"}
    page = admin_client.post("/brokers/add/test/", typed).content.decode()
    assert "The connection failed" in page
    assert "refused the username or password" in page
    assert "Skipped because an earlier step failed." in page


def test_the_stored_password_is_tried_only_where_it_belongs(
    admin_client: Client, make_broker: Any, live_broker: Any
) -> None:
    stored = make_broker(name="local")
    path = f"/brokers/{stored.pk}/test/"
    assert "The connection works" in admin_client.post(path).content.decode()
    typed = {**form_of(stored), "name": "local"}
    assert "The connection works" in admin_client.post(path, typed).content.decode()
    for moved in (live_broker.url.replace("127.0.0.1", "127.0.0.2"), live_broker.url + "/tenant"):
        page = admin_client.post(path, {**typed, "management_url": moved}).content.decode()
        assert "The stored password isn&#x27;t sent to a new address" in page


def test_a_broker_without_a_password_is_told_not_tried(
    admin_client: Client, broker: Broker
) -> None:
    Broker.objects.filter(pk=broker.pk).update(password_encrypted="")
    answer = admin_client.post(f"/brokers/{broker.pk}/test/")
    assert answer.status_code == 200
    assert "No password is stored" in answer.content.decode()


def test_the_page_of_a_broker_in_each_state(admin_client: Client) -> None:
    for word, one in fleet.make_all_states(datetime.now(UTC)).items():
        answer = admin_client.get(f"/brokers/{one.pk}/")
        assert answer.status_code == 200, word
    page = admin_client.get(f"/brokers/{one.pk}/?range=never").content.decode()
    assert "range must be one of" in page


def test_history_is_json_by_columns_with_gaps(admin_client: Client, broker: Broker) -> None:
    answer = admin_client.get(f"/brokers/{broker.pk}/history.json?range=1h").json()
    assert len(answer["at"]) == len(answer["ready"]) == len(answer["publish"]) > 100
    assert set(answer["ready"]) == {None}, "never polled is not zero"
    bad = admin_client.get(f"/brokers/{broker.pk}/history.json?from=yesterday")
    assert bad.status_code == 400
    assert bad.json()["field"] == "from"
