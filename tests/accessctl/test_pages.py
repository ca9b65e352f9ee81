"""The pages of RabbitMQ's users and permissions."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from tests.factories import HOSTILE, add_broker, add_user, permit, permit_topic

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)
LISTS = ["users", "permissions", "topic_permissions"]


@pytest.fixture
def browser(client, superuser):
    client.force_login(superuser)
    return client


def text_of(response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.content.decode()))


def users_on(response) -> list[str]:
    return [row.user.name for row in response.context["user_rows"]]


def permissions_on(response) -> list[tuple[str, str]]:
    rows = response.context["permission_rows"]
    return [(row.permission.user, row.permission.vhost) for row in rows]


def fill(count: int) -> None:
    broker = add_broker(f"broker {count}", NOW)
    for number in range(count):
        add_user(broker, f"user {number}", NOW, tags=["monitoring"])
        permit(broker, f"user {number}", f"vhost {number}", NOW)
        permit_topic(broker, f"user {number}", f"vhost {number}", "amq.topic", NOW)


@pytest.mark.parametrize("route", LISTS)
def test_a_list_costs_the_same_queries_for_one_row_and_for_a_hundred(
    browser, route, django_assert_max_num_queries
):
    fill(1)
    browser.get(reverse(route))
    with django_assert_max_num_queries(12) as one:
        browser.get(reverse(route))
    fill(100)
    with django_assert_max_num_queries(12) as many:
        response = browser.get(reverse(route))
    assert len(response.context["listing"].rows) == 100
    assert len(many) == len(one)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("tag=administrator", ["guest"]),
        ("tag=none", ["app"]),
        ("tag=other", ["odd"]),
        ("no_access=1", ["odd"]),
        ("no_password=1", ["app"]),
        ("search=U", ["guest"]),
        ("vhost=%2F", ["app", "guest"]),
        ("vhost=other", ["guest"]),
        ("sort=-vhosts", ["guest", "app", "odd"]),
        ("sort=-name", ["odd", "guest", "app"]),
    ],
)
def test_filters_and_order_of_the_list_of_users(browser, query, found):
    broker = add_broker("b", NOW)
    add_user(broker, "guest", NOW, tags=["administrator"], has_password=True)
    add_user(broker, "app", NOW, has_password=False)
    add_user(broker, "odd", NOW, tags=["odd"], has_password=None)
    permit(broker, "guest", "/", NOW)
    permit(broker, "guest", "other", NOW)
    permit(broker, "app", "/", NOW)
    # A namesake on another broker has nothing to do with it.
    permit(add_broker("elsewhere", NOW), "odd", "/", NOW)
    assert users_on(browser.get(f"/users/?{query}")) == found


def test_the_list_of_users_marks_what_wants_attention(browser):
    broker = add_broker("b", NOW)
    add_user(broker, "guest", NOW, tags=["administrator"], has_password=True)
    add_user(broker, "idle", NOW, has_password=False)
    text = text_of(browser.get("/users/"))
    for said in ("default user", "administrator", "no access", "no password"):
        assert said in text


def test_one_user_shows_its_rights_everywhere_in_words(browser):
    broker = add_broker("b", NOW)
    user = add_user(broker, "app", NOW, tags=["monitoring"], limits={"max-channels": 0})
    permit(broker, "app", "/", NOW, ".*", "", "^$")
    permit(broker, "app", "other", NOW, "orders", "^orders$", ".*")
    permit_topic(broker, "app", "/", "amq.topic", NOW)
    permit(broker, "somebody else", "hidden", NOW)
    text = text_of(browser.get(f"/users/{user.pk}/"))
    for said in (
        "everything",
        "nothing",
        "orders",
        "amq.topic",
        "none allowed",
        "Can see all conn",
    ):
        assert said in text
    assert "hidden" not in text


def test_filters_of_the_permissions_and_their_scope(browser):
    broker = add_broker("b", NOW)
    permit(broker, "app", "/", NOW, "^app", "^app", "^app")
    permit(broker, "root", "/", NOW)
    permit(broker, "root", "other", NOW)
    other = add_broker("c", NOW)
    permit(other, "app", "/", NOW)
    assert permissions_on(browser.get(f"/permissions/?broker={broker.pk}&user=app")) == [
        ("app", "/")
    ]
    assert permissions_on(browser.get("/permissions/?vhost=other")) == [("root", "other")]
    assert len(permissions_on(browser.get("/permissions/?everything=1"))) == 3
    assert permissions_on(browser.get("/permissions/?search=%5Eapp")) == [("app", "/")]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_text_on_every_page_it_is_on(browser, name):
    broker = add_broker(name[:100], NOW)
    user = add_user(broker, name, NOW, tags=[name], hashing_algorithm=name, limits={name: 1})
    permit(broker, name, name, NOW, name, name, name)
    permit_topic(broker, name, name, name, NOW)
    for url in ("/users/", f"/users/{user.pk}/", "/permissions/", "/topic-permissions/"):
        response = browser.get(url)
        assert response.status_code == 200
        html = response.content.decode()
        assert "<img src=x" not in html
        assert "<svg/onload" not in html
        assert "<script>alert" not in html
        assert 'href="javascript' not in html
        assert "\u202e" not in re.sub(r'data-copy="[^"]*"|value="[^"]*"', "", html)


@pytest.mark.parametrize("route", LISTS)
@pytest.mark.parametrize(
    "query", ["sort=hash", "page=-1", "search=%00", "env=mars", "tags=a", "x=1"]
)
def test_an_unusable_url_shows_the_page_with_one_sentence_and_400(browser, route, query):
    fill(1)
    response = browser.get(f"{reverse(route)}?{query}")
    assert response.status_code == 400
    assert len(response.context["problems"]) == 1
    assert browser.get(f"{reverse(route + '_csv')}?{query}").status_code == 400


def test_none_and_could_not_ask_do_not_look_alike(browser):
    broker = add_broker("b", NOW)
    for route in LISTS:
        assert "The last inventory found none in this scope" in text_of(browser.get(reverse(route)))
    type(broker.status).objects.update(inventory_at=None)
    for route in LISTS:
        assert "Unknown so far" in text_of(browser.get(reverse(route)))


def test_a_csv_holds_all_rows_with_safe_cells(browser):
    broker = add_broker("b", NOW)
    add_user(broker, "=cmd", NOW, tags=["management"])
    permit(broker, "=cmd", "@v", NOW)
    for route in LISTS[:2]:
        response = browser.get(reverse(f"{route}_csv"))
        body = b"".join(response.streaming_content).decode()
        assert '"\'=cmd"' in body
        assert '"\'@v"' in body


ROUTES = [
    "/users/",
    "/users.csv",
    "/users/{user}/",
    "/permissions/",
    "/permissions.csv",
    "/topic-permissions/",
    "/topic-permissions.csv",
]


@pytest.mark.parametrize("route", ROUTES)
def test_somebody_without_grants_sees_nothing_and_nobody_unknown_gets_in(client, route):
    broker = add_broker("secret broker", NOW)
    url = route.format(user=add_user(broker, "secret user", NOW).pk)
    permit(broker, "secret user", "secret vhost", NOW)
    anonymous = client.get(url)
    assert anonymous.status_code == 302
    assert "/accounts/login/" in anonymous["Location"]
    client.force_login(get_user_model().objects.create_user("plain", password="x"))
    response = client.get(url)
    body = b"".join(response.streaming_content) if response.streaming else response.content
    assert response.status_code in (200, 403, 404)
    assert b"secret" not in body
    if "{" in route:
        assert response.status_code == 404


@pytest.mark.parametrize("route", ROUTES)
def test_only_reading_is_allowed(browser, route):
    user = add_user(add_broker("b", NOW), "u", NOW)
    assert browser.post(route.format(user=user.pk)).status_code == 405
