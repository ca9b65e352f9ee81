"""Search everything: what is found, in which order, and that nothing outside one's reach is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.faces.face import FACES, Face
from console.models import Change
from console.pages.search.find import find
from console.pages.search.objects import Most
from console.pages.search.ranking import Rank, rank
from console.pages.search.request import Query
from console.scope import Scope
from tests.factories import HOSTILE, add_broker, add_queue, add_user, add_vhost, permit
from vhosts.models import Queue, VirtualHost

pytestmark = pytest.mark.django_db

MOST = Most(here=5, elsewhere=3)
#: Signing in, brokers, accounts, changes; and of a kind at most the scan and its rows.
QUERIES_BESIDE_KINDS = 6


@pytest.fixture
def browser(superuser: Any) -> Client:
    client = Client()
    client.force_login(superuser)
    return client


def searched(text: str, user: Any, now: datetime, scope: Scope | None = None) -> dict[str, Any]:
    groups = find(Query.read(text), user, scope or Scope(), MOST, now)
    return {group.key: group for group in groups}


def names(group: Any) -> list[str]:
    return [hit.name for hit in group.hits]


def a_row(face: Face, broker: Any, now: datetime, name: str) -> Any:
    """A mirror row whose texts are all `name`."""
    columns: dict[str, Any] = {}
    for field in face.model._meta.concrete_fields:
        if field.primary_key or field.null or field.has_default() or field.has_db_default():
            continue
        if isinstance(field, models.ForeignKey):
            columns[field.name] = broker
        elif isinstance(field, models.TextField | models.CharField):
            columns[field.name] = name
        elif isinstance(field, models.DateTimeField):
            columns[field.name] = now
        elif isinstance(field, models.JSONField):
            columns[field.name] = {}
        elif isinstance(field, models.BooleanField):
            columns[field.name] = False
        else:
            columns[field.name] = 1
    return face.model._default_manager.create(**columns)


def has_a_place(face: Face) -> bool:
    from console.pages.search.objects import _list_of

    return bool(face.object_route or _list_of(face))


def test_objects_of_every_kind_with_a_page_or_a_list_are_found(
    browser: Client, superuser: Any, now: datetime
) -> None:
    broker = add_broker("north", now)
    shown = [face for face in FACES.values() if has_a_place(face)]
    for face in shown:
        a_row(face, broker, now, "zebra-crossing")
    found = searched("ebra-cross", superuser, now)
    assert {face.name for face in shown} <= set(found)
    for face in shown:
        group = found[face.name]
        assert group.total == 1
        (hit,) = group.hits
        assert "zebra-crossing" in hit.name
        assert hit.broker == broker
        assert browser.get(hit.url).status_code == 200
        if group.all_url:
            assert "zebra-crossing" in browser.get(group.all_url).content.decode()


def test_names_are_ranked_alike_in_sql_and_in_python(superuser: Any, now: datetime) -> None:
    broker = add_broker("north", now)
    for name in (
        "Invoice",
        "invoice.pdf",
        "orders.INVOICE",
        "reinvoice",
        "orders-invoices",
        "other",
        "in%voice",
    ):
        add_queue(broker, name, now)  # fmt: skip
    group = searched("InVoice", superuser, now)["queue"]
    assert [(hit.name, Rank(hit.rank)) for hit in group.hits] == [
        ("Invoice", Rank.EXACT),
        ("invoice.pdf", Rank.PREFIX),
        ("orders.INVOICE", Rank.WORD),
        ("orders-invoices", Rank.WORD),
        ("reinvoice", Rank.PART),
    ]
    assert all(rank(hit.name, "InVoice") == hit.rank for hit in group.hits)
    assert rank("other", "InVoice") is None
    # Neither wildcards nor separators mean anything else than themselves.
    assert names(searched("n%v", superuser, now)["queue"]) == ["in%voice"]
    assert "queue" not in searched("s_i", superuser, now)


def test_letters_beyond_ascii_are_found_in_either_case(superuser: Any, now: datetime) -> None:
    add_queue(add_broker("north", now), "Größe.Übersicht", now)
    assert names(searched("größe.ü", superuser, now)["queue"]) == ["Größe.Übersicht"]


def test_the_scope_comes_first_and_hides_nothing(
    browser: Client, superuser: Any, now: datetime
) -> None:
    here, there = add_broker("here", now), add_broker("there", now)
    for number in range(7):
        add_queue(here, f"some-jobs-{number}", now)
    add_queue(there, "jobs", now)
    group = searched("jobs", superuser, now, Scope.at(here))["queue"]
    assert [hit.name for hit in group.here] == [f"some-jobs-{number}" for number in range(5)]
    assert [(hit.name, hit.broker) for hit in group.elsewhere] == [("jobs", there)]
    assert group.total == 8
    assert names(searched("jobs", superuser, now)["queue"])[0] == "jobs"

    part = browser.get(f"/search/?q=jobs&broker={here.pk}", headers={"HX-Request": "true"})
    text = part.content.decode()
    assert text.index("some-<mark>jobs</mark>-0") < text.index("In other brokers")
    assert "Show all" in text
    assert 'href="/queues/?search=jobs"' in text
    assert "8</span> queues" in browser.get("/queues/?search=jobs").content.decode()


def test_a_virtual_host_as_scope_comes_first(superuser: Any, now: datetime) -> None:
    broker = add_broker("here", now)
    add_queue(broker, "jobs", now)
    add_queue(broker, "some-jobs", now, vhost="team")
    add_user(broker, "jobs", now)
    found = searched("jobs", superuser, now, Scope.at(broker, "team"))
    assert [(hit.vhost, hit.is_here) for hit in found["queue"].hits] == [
        ("team", True),
        ("/", False),
    ]
    assert found["user"].hits[0].is_here, "users are in no virtual host"


def test_queues_that_are_gone_are_not_found(superuser: Any, now: datetime) -> None:
    add_queue(add_broker("north", now), "long-gone", now, gone_at=now)
    assert "queue" not in searched("long-gone", superuser, now)


def test_nothing_outside_the_persons_reach_is_found(now: datetime) -> None:
    mine, other = add_broker("shared-mine", now), add_broker("shared-other", now)
    for broker in (mine, other):
        for vhost in ("team-a", "secret"):
            add_vhost(broker, f"{vhost}", now)
            add_queue(broker, f"shared-{vhost}", now, vhost=vhost)
            permit(broker, "shared-app", vhost, now)
        add_user(broker, "shared-app", now)
        add_user(broker, "shared-hidden", now)
    Change.objects.create(created_at=now, author_name="root", origin="page", title="shared change")
    get_user_model().objects.create_user("shared-person")
    person = get_user_model().objects.create_user("vera", password="x")
    Grant.objects.create(
        user=person, role=Role.VIEWER, broker=mine, vhost_pattern="team-*", created_at=now
    )
    found = searched("shared", person, now)
    assert {hit.broker for group in found.values() for hit in group.hits if hit.broker} == {mine}
    assert names(found["queue"]) == ["shared-team-a"]
    assert found["queue"].total == 1
    assert [hit.vhost for hit in found["permission"].hits] == ["team-a"]
    assert names(found["broker"]) == ["shared-mine"]
    assert not {"person", "change", "command"} & set(found)
    client = Client()
    client.force_login(person)
    text = client.get("/search/?q=shared").content.decode()
    for hidden in ("secret", "shared-other", "shared-hidden", "shared-person", "shared change"):
        assert hidden not in text, hidden


def test_a_person_without_grants_finds_their_own_pages_only(now: datetime) -> None:
    add_queue(add_broker("north", now), "jobs", now)
    person = get_user_model().objects.create_user("nobody", password="x")
    assert searched("jobs", person, now) == {}
    assert names(searched("tokens", person, now)["page"]) == ["Your API tokens"]
    assert names(searched(">", person, now)["command"]) == ["Change password"]


def test_pages_and_commands_by_right(browser: Client, superuser: Any, now: datetime) -> None:
    add_broker("north", now)
    found = searched("> create", superuser, now)
    assert "Create virtual host" in names(found["command"])
    assert "Create policy" in names(found["command"])
    assert set(found) <= {"command", "page"}
    everything = searched(">", superuser, now)
    assert {"Fleet", "Queues", "Audit", "Operator policies"} <= set(names(everything["page"]))
    for group in everything.values():
        for hit in group.hits:
            assert browser.get(hit.url).status_code in (200, 302), hit.url


def test_brokers_by_name_and_environment(superuser: Any, now: datetime) -> None:
    for name in ("orders-eu", "orders-us", "billing"):
        add_broker(name, now)
    add_queue(add_broker("x", now), "orders", now)
    found = searched("@ord", superuser, now)
    assert {key: names(group) for key, group in found.items()} == {
        "broker": ["orders-eu", "orders-us"]
    }
    assert searched("@", superuser, now)["broker"].total == 4
    assert searched("development", superuser, now)["broker"].total == 4


def test_people_and_recent_changes(browser: Client, superuser: Any, now: datetime) -> None:
    get_user_model().objects.create_user("zoe")
    titles = {"Create queue zoe": now, "Delete queue zoe": now - timedelta(days=100)}
    for title, at in titles.items():
        Change.objects.create(created_at=at, author=superuser, author_name="root", origin="page", title=title)  # fmt: skip
    found = searched("zoe", superuser, now)
    assert names(found["person"]) == ["zoe"]
    assert names(found["change"]) == ["Create queue zoe"]
    assert browser.get(found["person"].hits[0].url).status_code == 200
    assert browser.get(found["change"].hits[0].url).status_code == 200


def test_the_number_of_queries_does_not_depend_on_the_rows(superuser: Any, now: datetime) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            searched("job", superuser, now)
        return len(queries)

    def fill(number: int) -> None:
        broker = add_broker(f"job-{number}", now)
        for at in range(12):
            add_queue(broker, f"job-{at}", now)
            add_vhost(broker, f"job-{at}", now)
            add_user(broker, f"job-{at}", now)

    fill(0)
    one = cost()
    for number in range(1, 9):
        fill(number)
    assert cost() == one <= 2 * len(FACES) + QUERIES_BESIDE_KINDS


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_found_and_are_only_text(
    browser: Client, api: Any, now: datetime, name: str
) -> None:
    broker = add_broker("north", now)
    VirtualHost.objects.create(broker=broker, name=name, first_seen_at=now, changed_at=now)
    add_queue(broker, name, now, vhost=name)
    typed = name.strip()[:255].lstrip("@>")
    for headers in ({}, {"HX-Request": "true"}):
        answer = browser.get(f"/search/?q={quote(typed)}", headers=headers)
        assert answer.status_code == 200
        text = answer.content.decode()
        assert "<img src=x" not in text
        assert "<svg/onload" not in text
        assert "<script>alert" not in text
        assert reverse("queue", args=[Queue.objects.get().pk]) in text
    groups = api.get("/api/v1/search/", {"q": typed}).json()["groups"]
    assert {group["kind"]: group["hits"][0]["name"] for group in groups if group["kind"] in ("queue", "vhost")} == {"queue": name, "vhost": name}  # fmt: skip


@pytest.mark.parametrize("typed", ["\0", "x" * 256])
def test_a_search_that_cannot_be_run_says_why(browser: Client, api: Any, typed: str) -> None:
    answer = browser.get("/search/", {"q": typed})
    assert answer.status_code == 400
    assert "A search can" in answer.content.decode()
    assert api.get("/api/v1/search/", {"q": typed}).status_code == 400


def test_the_page_works_without_scripts(browser: Client, now: datetime) -> None:
    broker = add_broker("north", now)
    for number in range(25):
        add_queue(broker, f"jobs-{number:02}", now)
    empty = browser.get("/search/").content.decode()
    assert 'name="q"' in empty
    assert "Create virtual host" in empty
    text = browser.get("/search/?q=jobs-").content.decode()
    assert "jobs-</mark>19" in text
    assert "jobs-</mark>20" not in text
    assert 'href="/queues/?search=jobs-"' in text
    assert "Nothing that you can see" in browser.get("/search/?q=no-such").content.decode()
    assert 'href="/search/"' in browser.get("/").content.decode()


def test_the_api_answers_the_same_and_refuses_what_it_does_not_know(
    api: Any, now: datetime, settings: Any
) -> None:
    settings.CONSOLE_URL = "https://warren.example"
    broker = add_broker("north", now)
    row = add_queue(broker, "jobs", now, vhost="team")
    (group,) = api.get("/api/v1/search/?q=jobs").json()["groups"]
    assert group == {
        "kind": "queue",
        "title": "Queues",
        "total": 1,
        "hits": [
            {
                "kind": "queue", "id": str(row.pk), "name": "jobs", "broker": broker.pk, "broker_name": "north",
                "vhost": "team", "url": f"https://warren.example/queues/{row.pk}/",
            }
        ],
    }  # fmt: skip
    for number in range(3):
        add_queue(broker, f"jobs-{number}", now)
    (group,) = api.get("/api/v1/search/?q=jobs&limit=2").json()["groups"]
    assert (group["total"], len(group["hits"])) == (4, 2)
    for query in ("", "?q=a&limit=0", "?q=a&limit=x", "?q=a&env=production"):
        assert api.get(f"/api/v1/search/{query}").status_code == 400
    assert api.get("/api/v1/search/?q=page%20of%20none").json() == {"groups": []}
