"""Parts that are refreshed in place: 304 and one query of their own while they would show the same, and only then."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accessctl.grants.roles import Role
from accessctl.grants.service import GrantSettings, give_grant, take_grant
from accessctl.people import service as people
from console.brokers.registry import forget_broker
from console.faces.pages.refreshed import PERIOD_S
from console.models import Broker, BrokerStatus, Change, Step
from tests.engine import Engine

pytestmark = pytest.mark.django_db
TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
LISTS = [
    "fleet", "queues", "vhosts", "users", "permissions", "topic_permissions", "policies", "operator_policies", "changes",
    "drift", "audit", "exchanges", "bindings", "shovels", "federation_links", "nodes",
]  # fmt: skip
#: The session, the account, and what the tag is made of.
MOST_QUERIES = 3
PART = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    """At the beginning of a period, so that none ends within a test."""
    begins = datetime.now(UTC).timestamp() // PERIOD_S * PERIOD_S + 1
    with time_machine.travel(datetime.fromtimestamp(begins, tz=UTC), tick=False) as moved:
        yield moved


@pytest.fixture
def browser(client: Client, superuser: Any) -> Client:
    client.force_login(superuser)
    return client


def tag(browser: Client, address: str) -> str:
    answer = browser.get(address, headers=PART)
    assert answer.status_code == 200, address
    assert answer["Cache-Control"] == "no-store"
    return str(answer["ETag"])


def is_same(browser: Client, address: str, known: str) -> bool:
    answer = browser.get(address, headers={**PART, "If-None-Match": known})
    assert answer.status_code in (200, 304), answer.status_code
    assert answer["ETag"] == known or answer.status_code == 200
    return bool(answer.status_code == 304)


def test_the_tag_of_a_compressed_part_is_known_again(browser: Client, broker_row: Any) -> None:
    """Compressing an answer weakens its ETag."""
    for _ in range(30):
        broker_row()
    packed = {**PART, "Accept-Encoding": "gzip"}
    answer = browser.get(reverse("fleet"), headers=packed)
    known = answer["ETag"]
    assert answer["Content-Encoding"] == "gzip"
    assert known.startswith("W/")
    again = browser.get(reverse("fleet"), headers={**packed, "If-None-Match": known})
    assert again.status_code == 304


@pytest.mark.parametrize("name", LISTS)
def test_a_refresh_of_a_list_that_would_show_the_same_costs_one_query_of_its_own(
    browser: Client, broker_row: Any, name: str
) -> None:
    for _ in range(3):
        broker_row()
    address = reverse(name)
    known = tag(browser, address)
    with CaptureQueriesContext(connection) as queries:
        answer = browser.get(address, headers={**PART, "If-None-Match": known})
    assert (answer.status_code, answer.content) == (304, b"")
    assert len(queries) <= MOST_QUERIES, [query["sql"] for query in queries]


def test_every_list_that_refreshes_itself_has_a_tag() -> None:
    """What is read from the broker at each refresh has none, nor the page of background jobs, which run each
    second, nor parts of whole pages, nor a generated password, which waits for one change, nor a job that
    moves messages, whose counts change."""
    without = {
        "vhosts/_queue_now.html", "vhosts/_queue_details.html", "console/_system.html",
        "components/_refreshed.html", "components/_once.html", "vhosts/_live_list.html", "vhosts/_queue_flow.html",
        "vhosts/messages/_job.html",
    }  # fmt: skip
    refreshing = {
        str(path.relative_to(TEMPLATES))
        for path in TEMPLATES.rglob("*.html")
        if re.search(r'data-refresh="\d', path.read_text())
    }
    assert without < refreshing
    assert refreshing - without == {
        "console/_fleet.html", "console/_broker.html", "console/_changes.html", "console/_change.html",
        "console/_change_strip.html", "console/_drift.html", "console/_audit.html", "vhosts/_queues.html",
        "faces/_list.html", "vhosts/_federation_links.html", "vhosts/topology.html",
        "vhosts/_node.html", "vhosts/_nodes.html", "vhosts/alerts/_messages.html", "vhosts/alerts/_alerts.html",
    }  # fmt: skip


def test_a_whole_page_and_a_refused_part_have_no_tag(browser: Client, broker_row: Any) -> None:
    broker_row()
    assert "ETag" not in browser.get(reverse("fleet")).headers
    known = tag(browser, reverse("fleet"))
    assert browser.get(reverse("fleet"), headers={"If-None-Match": known}).status_code == 200
    answer = browser.get(reverse("broker", args=[10**6]), headers=PART)
    assert (answer.status_code, "ETag" in answer.headers) == (404, False)


def test_another_address_has_another_tag(browser: Client, broker_row: Any) -> None:
    broker = broker_row()
    addresses = [
        "",
        "?page=2",
        "?sort=name",
        f"?broker={broker.pk}",
        "?broker=x",
        "?search=%F0%9F%90%87",
    ]
    tags = {browser.get(reverse("queues") + one, headers=PART)["ETag"] for one in addresses}
    assert len(tags) == len(addresses)


@pytest.mark.parametrize("name", ["fleet", "queues", "vhosts", "broker"])
def test_a_poll_changes_what_shows_figures_and_leaves_lists_of_inventories(
    browser: Client, make_broker: Any, poll_now: Any, name: str
) -> None:
    broker, other = make_broker(), make_broker()
    poll_now(broker)
    address = reverse(name, args=[broker.pk] if name == "broker" else [])
    known, users = tag(browser, address), tag(browser, reverse("users"))
    within = reverse("queues") + f"?broker={other.pk}"
    of_other = tag(browser, within)
    assert is_same(browser, address, known)
    poll_now(broker)
    assert not is_same(browser, address, known)
    assert is_same(browser, reverse("users"), users)
    assert is_same(browser, within, of_other)


@pytest.mark.parametrize("name", ["users", "permissions", "policies", "vhosts", "drift"])
def test_an_inventory_changes_lists_of_objects(
    browser: Client, make_broker: Any, poll_now: Any, inventory_now: Any, name: str
) -> None:
    broker = make_broker()
    poll_now(broker)
    known = tag(browser, reverse(name))
    inventory_now(broker)
    assert not is_same(browser, reverse(name), known)


def test_a_change_that_is_accepted_and_each_of_its_steps_show(
    browser: Client, engine: Engine, scratch_vhost: Any
) -> None:
    addresses = [reverse("changes"), reverse("vhosts"), reverse("audit"), reverse("users")]
    tags = {address: tag(browser, address) for address in addresses}

    def changed() -> set[str]:
        found = {address for address, known in tags.items() if not is_same(browser, address, known)}
        tags.update({address: tag(browser, address) for address in found})
        return found

    assert changed() == set()
    name = scratch_vhost.name
    change = engine.ask(
        ("vhost", [name], {"description": "a test", "tags": [], "default_queue_type": ""})
    )
    assert changed() == set(addresses)
    tags |= {reverse(one, args=[change.pk]): "" for one in ("change", "change_strip")}
    changed()
    assert changed() == set()
    engine.apply()
    assert Change.objects.get().state not in ("accepted",)
    assert {reverse("changes"), reverse("change", args=[change.pk]), reverse("vhosts")} <= changed()


def test_a_step_that_waits_for_another_try_shows(browser: Client, planner: Engine) -> None:
    change = planner.ask(
        ("vhost", ["a"], {"description": "", "tags": [], "default_queue_type": ""})
    )
    address = reverse("change", args=[change.pk])
    known = tag(browser, address)
    Step.objects.update(error_detail="The broker doesn't answer.")
    assert not is_same(browser, address, known)


def test_a_broker_that_is_added_edited_forgotten_or_gets_old_shows(
    browser: Client, superuser: Any, broker_row: Any, clock: Any
) -> None:
    known = tag(browser, reverse("fleet"))
    broker = broker_row()
    assert not is_same(browser, reverse("fleet"), known)
    known = tag(browser, reverse("fleet"))
    Broker.objects.filter(pk=broker.pk).update(name="another name")
    assert not is_same(browser, reverse("fleet"), known)

    now = datetime.now(UTC)
    BrokerStatus.objects.update(
        state="reachable", answered_at=now - timedelta(seconds=20), depths_at=now, vitals_at=now
    )
    known = tag(browser, reverse("fleet"))
    clock.shift(timedelta(seconds=10))
    assert "Stale" in browser.get(reverse("fleet"), headers=PART).content.decode()
    assert not is_same(browser, reverse("fleet"), known)

    known = tag(browser, reverse("fleet"))
    forget_broker(broker, now=now, acting_user=superuser)
    assert not is_same(browser, reverse("fleet"), known)


def test_everything_is_drawn_anew_once_in_a_period(
    browser: Client, broker_row: Any, clock: Any
) -> None:
    broker_row()
    known = tag(browser, reverse("queues"))
    clock.shift(timedelta(seconds=PERIOD_S))
    assert not is_same(browser, reverse("queues"), known)


def test_a_tag_is_worth_nothing_to_somebody_with_other_rights(
    broker_row: Any, superuser: Any, now: datetime
) -> None:
    broker = broker_row()
    address = reverse("fleet")

    def signed_in(person: Any) -> Client:
        browser = Client()
        browser.force_login(person)
        return browser

    root = signed_in(superuser)
    other_root = signed_in(
        get_user_model().objects.create_superuser("root2", password="a password")
    )
    known = tag(root, address)
    assert is_same(other_root, address, known), "the same rights, the same part"
    changes = tag(root, reverse("changes"))
    assert not is_same(other_root, reverse("changes"), changes), (
        "it shows what one asked for oneself"
    )

    person = get_user_model().objects.create_user("viewer", password="a password")
    group = Group.objects.create(name="viewers")
    viewer = signed_in(person)
    settings = GrantSettings(user=person, role=Role.VIEWER, broker=broker)
    grant = give_grant(settings, now=now, acting_user=superuser)
    theirs = tag(viewer, address)
    assert not is_same(viewer, address, tag(root, address))
    assert is_same(viewer, address, theirs)
    with CaptureQueriesContext(connection) as queries:
        assert is_same(viewer, address, theirs)
    assert len(queries) <= MOST_QUERIES

    take_grant(grant, acting_user=superuser)
    answer = viewer.get(address, headers={**PART, "If-None-Match": theirs})
    assert answer.status_code == 403
    assert broker.name not in answer.content.decode()

    give_grant(GrantSettings(group=group, role=Role.VIEWER), now=now, acting_user=superuser)
    people.set_groups(person, [group], acting_user=superuser)
    theirs = tag(viewer, address)
    people.set_groups(person, [], acting_user=superuser)
    assert viewer.get(address, headers={**PART, "If-None-Match": theirs}).status_code == 403
    viewer.logout()
    assert viewer.get(address, headers={**PART, "If-None-Match": theirs}).status_code != 304
