from __future__ import annotations

from typing import Any

import pytest

from accessctl.models import BrokerPermission, BrokerTopicPermission, BrokerUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(broker_row: Any, now: Any) -> Any:
    broker = broker_row(name="orders")
    seen = {"broker": broker, "first_seen_at": now, "changed_at": now}
    for name, tags in (("<b>x</b>", ["administrator"]), ("app", []), ("a%b", ["monitoring"])):
        BrokerUser.objects.create(**seen, name=name, tags=tags, has_password=None)
        BrokerPermission.objects.create(
            **seen, vhost="/", user=name, configure="", write=".*", read="^$"
        )
    BrokerTopicPermission.objects.create(
        **seen, vhost="/", user="app", exchange="amq.topic", write=".*", read=".*"
    )
    return broker


def test_users_are_listed_as_found(api: Any, broker: Any) -> None:
    body = api.get("/api/v1/users/?ordering=name").json()
    assert body["count"] == 3
    assert [user["name"] for user in body["results"]] == ["<b>x</b>", "a%b", "app"]
    first = body["results"][0]
    assert first["has_password"] is None
    assert "password_hash" not in first
    assert api.get(f"/api/v1/users/{first['id']}/").json() == first


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("tag=administrator", ["<b>x</b>"]),
        ("tag=admin", []),
        ("search=%25", ["a%b"]),
        ("name=app", ["app"]),
        ("name=%20app", []),
        ("broker=orders&name=app", ["app"]),
    ],
)
def test_users_are_filtered(api: Any, broker: Any, query: str, names: list[str]) -> None:
    found = api.get(f"/api/v1/users/?{query}").json()["results"]
    assert [user["name"] for user in found] == names


def test_permissions_are_filtered_by_vhost_and_user(api: Any, broker: Any) -> None:
    found = api.get(f"/api/v1/permissions/?vhost=/&user=app&broker={broker.pk}").json()["results"]
    assert [(each["configure"], each["write"], each["read"]) for each in found] == [
        ("", ".*", "^$")
    ]
    topics = api.get("/api/v1/topic-permissions/?exchange=amq.topic").json()["results"]
    assert [each["user"] for each in topics] == ["app"]


@pytest.mark.parametrize("broker_name", ["nope", "99999", "0", "9" * 30, "'"])
def test_an_unknown_broker_is_named_not_taken_for_an_empty_one(
    api: Any, broker: Any, broker_name: str
) -> None:
    answer = api.get("/api/v1/users/", {"broker": broker_name})
    assert answer.status_code == 400
    assert [fault["attr"] for fault in answer.json()["errors"]] == ["broker"]
