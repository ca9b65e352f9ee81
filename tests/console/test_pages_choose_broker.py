"""Which broker a page is about, where the URL names none; and where a search looks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from console.brokers.broker_settings import BrokerSettings, checked_columns
from console.errors import InvalidField
from tests.factories import add_broker, add_queue, add_vhost

pytestmark = pytest.mark.django_db
PAGES = [
    "/vhosts/new/", "/users/new/", "/policies/new/", "/operator-policies/new/", "/permissions/edit/?user=app",
    "/permissions/copy/", "/topic-permissions/edit/", "/permissions/matrix/",
]  # fmt: skip


@pytest.fixture
def browser(client: Any, superuser: Any) -> Any:
    client.force_login(superuser)
    return client


@pytest.mark.parametrize("address", PAGES)
def test_of_several_brokers_none_is_chosen_for_you(
    browser: Any, now: datetime, address: str
) -> None:
    dead, live = add_broker("aaa", now, state="unreachable"), add_broker("zzz", now)
    page = browser.get(address)
    text = page.content.decode()
    assert page.status_code == 200
    kept = "user=app&amp;" if "user=" in address else ""
    for broker in (dead, live):
        assert f'href="?{kept}broker={broker.pk}"' in text
    assert "Unreachable" in text
    assert '<form method="post" novalidate' not in text
    assert (
        browser.get(f"{address}{'&' if '?' in address else '?'}broker={live.pk}").context["broker"]
        == live
    )


def test_the_only_broker_needs_no_choice(browser: Any, now: datetime) -> None:
    only = add_broker("only", now)
    assert browser.get("/vhosts/new/").context["broker"] == only


def test_a_form_sent_without_a_broker_changes_nothing(browser: Any, now: datetime) -> None:
    add_broker("aaa", now)
    add_broker("zzz", now)
    answer = browser.post("/vhosts/new/", {"name": "x", "step": "preview"})
    assert answer.status_code == 400
    assert "Nothing was changed" in answer.content.decode()


@pytest.mark.parametrize(
    ("field", "address", "sentence"),
    [
        ("management_url", "http://rabbit.example:5672", "Port 5672 is RabbitMQ's AMQP port"),
        ("management_url", "https://rabbit.example:5671/", "15671 with TLS"),
        ("management_url", "amqps://rabbit.example", "This is an AMQP address"),
        ("amqp_url", "amqp://rabbit.example:15672", "Port 15672 is the management API's port"),
    ],
)
def test_an_address_of_the_other_protocol_is_recognised(
    field: str, address: str, sentence: str
) -> None:
    given: dict[str, Any] = {
        "name": "b", "environment": "staging", "management_url": "https://rabbit.example", "username": "u",
        "password": None,
    }  # fmt: skip
    with pytest.raises(InvalidField, match=sentence) as raised:
        checked_columns(BrokerSettings(**{**given, field: address}))
    assert raised.value.field == field


def test_a_search_says_where_it_looks_and_offers_everywhere(browser: Any, now: datetime) -> None:
    broker = add_broker("orders", now)
    add_vhost(broker, "/", now)
    add_queue(broker, "alpha", now)
    scoped = f"/queues/?broker={broker.pk}&search="
    for word in ("alp", "nothing-like-it"):
        text = browser.get(f"{scoped}{word}").content.decode()
        assert "broker <strong>" in text
        assert f'href="?search={word}">Search everywhere' in text
    assert "Search everywhere" not in browser.get("/queues/?search=alp").content.decode()


@pytest.mark.parametrize("address", ["/definitions/", "/explain/"])
def test_no_field_for_a_broker_is_filled_with_the_first_of_several(
    browser: Any, now: datetime, address: str
) -> None:
    first = add_broker("aaa", now, state="unreachable")
    text = browser.get(address).content.decode()
    assert "Select a broker" not in text, "there is but one"
    add_broker("zzz", now)
    text = browser.get(address).content.decode()
    assert '<option value="" selected>Select a broker</option>' in text
    assert f'<option value="{first.pk}" selected>' not in text
    scoped = browser.get(f"{address}?broker={first.pk}").content.decode()
    assert f'<option value="{first.pk}" selected>' in scoped
    answer = browser.get("/explain/?user=app&act=publish")
    assert "Select a broker." in answer.content.decode()
