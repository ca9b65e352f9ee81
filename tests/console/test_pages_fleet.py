"""Fleet as a table: what it says of each state, what its sums leave out, and what it costs."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.console import fleet

pytestmark = pytest.mark.django_db
TABLE = "/?view=table"


def now() -> datetime:
    return datetime.now(UTC)


def text_of(response: Any) -> str:
    return str(response.content.decode())


def row_of(page: str, broker: Any) -> str:
    found = re.search(rf'<tr id="broker-{broker.pk}".*?</tr>', page, re.DOTALL)
    assert found, f"no row for {broker}"
    return found.group()


def test_an_empty_fleet_offers_to_add_a_broker(admin_client: Client) -> None:
    page = text_of(admin_client.get(TABLE))
    assert "Add your first broker" in page
    assert "/brokers/add/" in page


def test_each_state_has_its_word_and_trouble_comes_first(admin_client: Client) -> None:
    brokers = fleet.make_all_states(now())
    page = text_of(admin_client.get(TABLE))
    for word in (
        "Reachable",
        "Failing",
        "Refused",
        "Unreachable",
        "Stale",
        "Not polled yet",
        "Disabled",
    ):
        assert word in row_of(page, brokers[word])
    order = [int(pk) for pk in re.findall(r'<tr id="broker-(\d+)"', page)]
    place = {word: order.index(broker.pk) for word, broker in brokers.items()}
    assert max(place["Refused"], place["Unreachable"]) < place["Stale"] < place["Alarm"]
    assert (
        place["Alarm"]
        < place["Failing"]
        < place["Not polled yet"]
        < place["Reachable"]
        < place["Disabled"]
    )


def test_trouble_comes_with_its_reason_and_what_to_do(admin_client: Client) -> None:
    fleet.make_all_states(now())
    page = text_of(admin_client.get(TABLE))
    assert "Nothing listens on telemetry.example.org port 15671." in page
    assert "Check the username and password." in page
    assert "is stale: no recent poll has finished." in page
    assert "No complete answer in time." in page
    assert "If that fails too, the broker’s state becomes unreachable" in page


def test_unknown_figures_are_a_dash_with_a_reason_and_never_zero(admin_client: Client) -> None:
    broker = fleet.make("telemetry", now(), state="unreachable", age=None)
    row = row_of(text_of(admin_client.get(TABLE)), broker)
    assert row.count('class="unknown"') >= 8
    assert "The broker can’t be reached" in row
    assert not re.search(r'class="num">\s*0', row)


def test_sums_say_what_they_leave_out(admin_client: Client) -> None:
    fleet.make("a", now(), messages_ready=1000)
    fleet.make("b", now(), messages_ready=234)
    fleet.make("c", now(), state="unreachable", age=None)
    page = text_of(admin_client.get(TABLE))
    figure = re.search(r"<dt>Ready</dt>.*?</div>", page, re.DOTALL)
    assert figure
    assert "1\u202f234" in figure.group()
    assert "1 of 3 unknown" in figure.group()


def test_old_figures_are_said_to_be_old(admin_client: Client) -> None:
    broker = fleet.make("billing", now(), state="refused", age=7200)
    row = row_of(text_of(admin_client.get(TABLE)), broker)
    assert "is-stale-figure" in row
    assert "stale, 2 h ago" in row


def test_hostile_text_of_a_broker_is_text(admin_client: Client) -> None:
    brokers = fleet.make_all_states(now())
    for path in (
        "/?view=tiles",
        "/?view=compact",
        "/?wall=1",
        TABLE,
        f"/brokers/{brokers['Hostile'].pk}/",
        "/scope/",
    ):
        page = text_of(admin_client.get(path))
        assert "&lt;img src=x" in page, path
        for markup in fleet.AS_MARKUP:
            # A bidi override may stand in what is copied and searched, never in what is shown.
            shown = re.sub(r'(data-copy|data-filter-text|value)="[^"]*"', "", page)
            assert markup not in shown, (path, markup)


def test_no_page_shows_a_stored_password(admin_client: Client) -> None:
    broker = fleet.make_all_states(now())["Reachable"]
    for path in ("/", f"/brokers/{broker.pk}/", f"/brokers/{broker.pk}/edit/", "/fleet.csv"):
        answer = admin_client.get(path)
        assert answer.status_code == 200
        body = b"".join(answer) if answer.streaming else answer.content
        assert fleet.CANARY.encode() not in body
        assert broker.password_encrypted.encode() not in body


def test_filters_and_sorting_are_in_the_url(admin_client: Client) -> None:
    brokers = fleet.make_all_states(now())
    page = text_of(admin_client.get(f"{TABLE}&state=refused"))
    assert f"broker-{brokers['Refused'].pk}" in page
    assert f"broker-{brokers['Reachable'].pk}" not in page
    assert "1</span> of" in page
    page = text_of(admin_client.get(f"{TABLE}&env=production"))
    assert f"broker-{brokers['Reachable'].pk}" in page
    assert f"broker-{brokers['Alarm'].pk}" not in page
    page = text_of(admin_client.get(f"{TABLE}&sort=-name&search=pay"))
    assert f"broker-{brokers['Alarm'].pk}" in page
    assert f"broker-{brokers['Stale'].pk}" not in page


@pytest.mark.parametrize(
    "query",
    ["env=mars", "sort=zz", "state=happy", "broker=x", "page=-1", "colour=red", "vhost=%00"],
)
def test_what_cannot_be_read_of_the_url_gets_a_sentence(admin_client: Client, query: str) -> None:
    fleet.make("a", now())
    answer = admin_client.get(f"/?{query}")
    assert answer.status_code == 400
    assert "note-warn" in text_of(answer)


def test_a_broker_that_is_not_there_is_not_found(admin_client: Client) -> None:
    for path in ("/brokers/999999/", "/?broker=999999", "/brokers/99999999999999999999999/"):
        assert admin_client.get(path).status_code == 404


def test_queries_do_not_grow_with_the_fleet(admin_client: Client) -> None:
    fleet.make("first", now())
    counts = []
    for more in (0, 30):
        for number in range(more):
            fleet.make(f"broker {number}", now(), state="refused", age=None)
        admin_client.get(TABLE)
        with CaptureQueriesContext(
            connection,
        ) as caught:
            admin_client.get(TABLE)
        counts.append(len(caught))
    assert counts[0] == counts[1]
    assert counts[1] <= 22


def test_a_refresh_is_the_list_alone(admin_client: Client) -> None:
    fleet.make("a", now())
    part = admin_client.get("/", headers={"HX-Request": "true"})
    assert "<html" not in text_of(part)
    assert 'id="fleet"' in text_of(part)
    assert "HX-Request" in part["Vary"]


def test_csv_holds_the_filtered_list_and_runs_nothing(admin_client: Client) -> None:
    fleet.make("=cmd|' /C calc'!A1", now())
    fleet.make("billing", now(), state="refused", age=None)
    lines = b"".join(admin_client.get("/fleet.csv?state=reachable")).decode().splitlines()
    assert lines[0].startswith('"name","state"')
    assert lines[1].startswith("\"'=cmd|")
    assert len(lines) == 2


def test_the_strip_says_production(admin_client: Client) -> None:
    broker = fleet.make("orders-eu", now(), environment="production")
    assert "strip-production" in text_of(admin_client.get(f"/brokers/{broker.pk}/"))
    assert "strip-production" not in text_of(admin_client.get(TABLE))


def test_trouble_of_the_broker_in_scope_is_a_strip_on_its_lists(admin_client: Client) -> None:
    broker = fleet.make("billing", now(), state="refused", age=7200)
    assert "This broker refused the connection." in text_of(
        admin_client.get(f"/queues/?broker={broker.pk}")
    )


def test_the_scope_menu_leads_to_lists_only(admin_client: Client) -> None:
    fleet.make("orders-eu", now())
    for asked in ("https://evil.example", "//evil.example", "admin:index", "broker"):
        page = text_of(admin_client.get("/scope/", {"to": asked}))
        assert "evil" not in page
        assert 'href="/?env=staging"' in page
    assert 'href="/queues/?env=staging"' in text_of(admin_client.get("/scope/", {"to": "queues"}))


SCOPED = [
    "fleet", "queues", "vhosts", "users", "permissions", "topic_permissions", "matrix", "policies",
    "operator_policies", "definitions", "backups", "changes", "drift", "unmanaged", "audit", "explain",
]  # fmt: skip


@pytest.mark.parametrize("route", SCOPED)
def test_the_scope_picker_stays_on_the_page(route: str, admin_client: Client) -> None:
    broker = fleet.make("orders-eu", now())
    page = text_of(admin_client.get(reverse(route)))
    assert f"to={route}" in page
    menu = text_of(admin_client.get("/scope/", {"to": route}))
    assert f'href="{reverse(route)}?broker={broker.pk}"' in menu
    assert admin_client.get(reverse(route), {"broker": broker.pk}).status_code == 200
