"""Limits of virtual hosts and users by the API, on the live broker."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accessctl.grants.roles import Role
from accessctl.models import BrokerUser, Grant
from console.models import AuditEntry, Change, Step
from console.rabbitmq.passwords import SHA256
from vhosts.models import VirtualHost

pytestmark = pytest.mark.django_db
URL = "/api/v1/limits/"
NO_PASSWORD = {"password_hash": "", "hashing_algorithm": SHA256}


@pytest.fixture
def broker(engine):
    return engine.broker


@pytest.fixture
def done(engine):
    """done(answer) -> the change, after a worker's turn."""

    def wait(answer: Any) -> Change:
        assert answer.status_code == 202, answer.content
        engine.apply()
        return Change.objects.get(pk=answer.json()["id"])

    return wait


@pytest.fixture
def owners(engine, names):
    """A vhost with a description and a user with a tag, both on the broker."""
    vhost, user = names("vhost"), names("user")
    change = engine.do(
        ("vhost", [vhost], {"description": "ours"}),
        ("user", [user], {"tags": ["monitoring"]}, NO_PASSWORD),
    )
    assert change.state == "done"
    return vhost, user


@pytest.fixture
def mirror(broker, now):
    def add(model: Any, **columns: Any) -> Any:
        return model.objects.create(broker=broker, first_seen_at=now, changed_at=now, **columns)

    return add


def attrs(answer: Any) -> list[Any]:
    return [error["attr"] for error in answer.json()["errors"]]


def listed(api: Any, **query: Any) -> list[Any]:
    answer = api.get(URL, query)
    assert answer.status_code == 200, answer.content
    return [
        (row["kind"], row["vhost"] or row["user"], row["name"], row["value"])
        for row in answer.json()["results"]
    ]


def test_limits_are_set_changed_and_taken_and_nothing_else_moves(
    api, broker, done, owners, seen, engine
):
    vhost, user = owners
    on_vhost = {"broker": broker.pk, "vhost": vhost}
    answer = api.post(URL, {**on_vhost, "name": "max-queues", "value": 7, "reason": "ticket 1"})
    assert done(answer).state == "done"
    answer = api.post(URL, {**on_vhost, "name": "max-connections", "value": 0})
    assert done(answer).state == "done"
    assert seen("vhost-limits", vhost)[0]["value"] == {"max-queues": 7, "max-connections": 0}
    assert seen("vhosts", vhost)["description"] == "ours"
    on_user = {"broker": broker.name, "user": user, "name": "max-channels", "value": 5}
    change = done(api.post(URL, on_user))
    assert (change.state, change.title) == (
        "done",
        f"Set the limit max-channels of the user {user} on {broker.name} to 5",
    )
    assert seen("user-limits", user)[0]["value"] == {"max-channels": 5}
    assert seen("users", user)["tags"] == ["monitoring"]
    assert listed(api, broker=broker.pk) == [
        ("user", user, "max-channels", 5),
        ("vhost", vhost, "max-connections", 0),
        ("vhost", vhost, "max-queues", 7),
    ]
    (limit,) = api.get(URL, {"vhost": vhost, "name": "max-queues"}).json()["results"]
    url = f"{URL}{limit['id']}/"
    read = api.get(url)
    assert read.json() == limit
    assert (read["ETag"], limit["sync"], limit["generation"]) == ('"3"', "in_sync", 3)
    assert done(api.patch(url, {"value": 9}, headers={"If-Match": '"3"'})).state == "done"
    assert seen("vhost-limits", vhost)[0]["value"] == {"max-queues": 9, "max-connections": 0}
    assert api.patch(url, {"value": 1}, headers={"If-Match": '"3"'}).status_code == 412
    assert api.delete(url, headers={"If-Match": '"3"'}).status_code == 412
    assert done(api.delete(url)).state == "done"
    assert seen("vhost-limits", vhost)[0]["value"] == {"max-connections": 0}
    assert api.get(url).status_code == 404
    assert engine.target("vhost", vhost).spec["limits"] == {"max-connections": 0}
    assert AuditEntry.objects.filter(reason="ticket 1", target_kind="vhost").exists()


def test_a_plan_keeps_nothing_and_a_key_is_one_change(api, broker, done, owners, seen):
    vhost, _ = owners
    body = {"broker": broker.pk, "vhost": vhost, "name": "max-queues", "value": 7}
    before = Change.objects.count()
    plan = api.post(f"{URL}?dry_run=true", body)
    assert plan.status_code == 200
    (step,) = plan.json()["steps"]
    assert (step["op"], step["kind"], step["key"]) == ("update", "vhost", {"name": vhost})
    assert [field["name"] for field in step["fields"]] == ["limits"]
    assert any(line.startswith("rabbitmqctl set_vhost_limits -p ") for line in step["commands"])
    assert not any("/api/vhosts/" in line for line in step["commands"]), "that sets no limit"
    assert Change.objects.count() == before
    key = {"Idempotency-Key": "limit-1"}
    first = api.post(URL, body, headers=key)
    assert done(first).state == "done"
    again = api.post(URL, body, headers=key)
    assert again.json()["id"] == first.json()["id"]
    assert Change.objects.count() == before + 1
    other = api.post(URL, {**body, "value": 8}, headers=key)
    assert (other.status_code, other.json()["errors"][0]["code"]) == (409, "idempotency_mismatch")
    assert seen("vhost-limits", vhost)[0]["value"] == {"max-queues": 7}


def test_two_limits_asked_for_in_a_row_are_both_set(api, broker, done, owners, seen):
    vhost, _ = owners
    body = {"broker": broker.pk, "vhost": vhost}
    api.post(URL, {**body, "name": "max-queues", "value": 7})
    done(api.post(URL, {**body, "name": "max-connections", "value": 8}))
    assert seen("vhost-limits", vhost)[0]["value"] == {"max-queues": 7, "max-connections": 8}


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"name": "max-queues", "value": 1}, "vhost"),
        ({"vhost": "v", "user": "u", "name": "max-connections", "value": 1}, "vhost"),
        ({"vhost": "nowhere", "name": "max-queues", "value": 1}, "vhost"),
        ({"user": "nobody", "name": "max-channels", "value": 1}, "user"),
        ({"vhost": "v", "name": "max-channels", "value": 1}, "name"),
        ({"user": "u", "name": "max-queues", "value": 1}, "name"),
        ({"user": "u", "value": 1}, "name"),
        ({"vhost": "v", "name": "max-queues"}, "value"),
        ({"vhost": "v", "name": "max-queues", "value": None}, "value"),
        ({"vhost": "v", "name": "max-queues", "value": -1}, "value"),
        ({"vhost": "v", "name": "max-queues", "value": 2**31}, "value"),
        ({"vhost": "v", "name": "max-queues", "value": "7"}, "value"),
        ({"vhost": "v", "name": "max-queues", "value": True}, "value"),
        ({"vhost": "v", "name": "max-queues", "value": 1, "nope": 1}, "nope"),
    ],
    ids=str,
)
def test_bad_input_names_its_field(api, broker, mirror, body, attr):
    mirror(VirtualHost, name="v")
    mirror(BrokerUser, name="u")
    answer = api.post(URL, {"broker": broker.pk, **body})
    assert answer.status_code == 400, answer.content
    assert attrs(answer) == [attr]
    assert not Change.objects.exists()


def test_a_limit_that_is_not_there_is_not_found(api, mirror):
    vhost = mirror(VirtualHost, name="v", limits={"max-queues": 1, "max-connections": -1})
    assert api.get(f"{URL}vhost-{vhost.pk}-max-queues/").status_code == 200
    # A negative limit is none.
    for limit in (
        f"vhost-{vhost.pk}-max-connections",
        f"vhost-{vhost.pk}-nope",
        f"user-{vhost.pk}-max-queues",
        "vhost-999999999999999999-max-queues",
        "queue-1-max-queues",
        "vhost-1",
    ):
        assert api.get(f"{URL}{limit}/").status_code == 404, limit
        assert api.patch(f"{URL}{limit}/", {"value": 1}).status_code == 404, limit


def test_limits_are_filtered_sorted_and_paged_in_few_queries(api, broker, make_broker, mirror, now):
    for number in range(3):
        mirror(VirtualHost, name=f"v{number}", limits={"max-queues": number, "max-connections": 9})
        mirror(BrokerUser, name=f"u{number}", limits={"max-channels": 10 - number})
    mirror(BrokerUser, name="free")
    VirtualHost.objects.create(
        broker=make_broker(name="other"), name="v0", limits={"max-queues": 1},
        first_seen_at=now, changed_at=now,
    )  # fmt: skip
    api.get(URL)
    with CaptureQueriesContext(connection) as queries:
        assert len(listed(api, broker=broker.pk)) == 9
    nine = len(queries)
    with CaptureQueriesContext(connection) as queries:
        assert listed(api, broker="other") == [("vhost", "v0", "max-queues", 1)]
    assert len(queries) == nine
    assert [row[3] for row in listed(api, kind="user", ordering="-value")] == [10, 9, 8]
    assert listed(api, user="u1") == [("user", "u1", "max-channels", 9)]
    assert listed(api, vhost="v2", name="max-queues") == [("vhost", "v2", "max-queues", 2)]
    page = api.get(URL, {"broker": broker.pk, "page_size": 4, "page": 3}).json()
    assert (page["count"], len(page["results"]), page["next"]) == (10 - 1, 1, None)
    for bad in ({"kind": "queue"}, {"broker": "none"}, {"ordering": "vhost"}, {"nope": "1"}):
        answer = api.get(URL, bad)
        assert (answer.status_code, attrs(answer)) == (400, list(bad)), bad


def test_only_who_may_set_limits_does_and_nobody_sees_beyond_their_own(
    api, broker, mirror, engine, now
):
    red = mirror(VirtualHost, name="/red", limits={"max-queues": 1})
    mirror(VirtualHost, name="/blue", limits={"max-queues": 1})
    mirror(BrokerUser, name="u", limits={"max-channels": 1})

    def person(name: str, role: Role, **columns: Any) -> tuple[Any, APIClient]:
        user = get_user_model().objects.create_user(name)
        Grant.objects.create(user=user, role=role, created_at=now, **columns)
        client = APIClient()
        client.force_authenticate(user)
        return user, client

    _, vera = person("vera", Role.VHOST_ADMINISTRATOR, broker=broker, vhost_pattern="/red*")
    assert listed(vera) == [("vhost", "/red", "max-queues", 1)]
    url = f"{URL}vhost-{red.pk}-max-queues/"
    body = {"broker": broker.pk, "vhost": "/red", "name": "max-queues", "value": 2}
    assert vera.get(url).status_code == 200
    assert vera.patch(url, {"value": 2}, format="json").status_code == 403
    assert vera.delete(url).status_code == 403
    assert vera.post(URL, body, format="json").status_code == 403
    anna, admin = person("anna", Role.BROKER_ADMINISTRATOR, broker=broker)
    assert len(listed(admin)) == 3
    assert admin.patch(url, {"value": 2}, format="json").status_code == 202
    _, stranger = person("eve", Role.BROKER_ADMINISTRATOR, environment="production")
    assert listed(stranger) == []
    assert stranger.patch(url, {"value": 2}, format="json").status_code == 404
    assert stranger.post(URL, body, format="json").status_code == 400
    # The right is asked for again when it is applied.
    Grant.objects.filter(user=anna).update(role=Role.VHOST_ADMINISTRATOR)
    engine.apply()
    step = Step.objects.get()
    assert (step.state, step.error_code) == ("rejected", "not_allowed")
