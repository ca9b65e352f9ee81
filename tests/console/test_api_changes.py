"""Writing by the API, on the live broker."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from rest_framework.test import APIClient

from accessctl.grants.roles import Role
from accessctl.models import BrokerUser, Grant
from console.models import BrokerStatus, Change, ManagedObject, Step
from console.rabbitmq.endpoint import Secret
from console.rabbitmq.passwords import password_matches
from vhosts.models import VirtualHost

pytestmark = pytest.mark.django_db
ALL = {"configure": ".*", "write": ".*", "read": ".*"}
BASE = "/api/v1"


@pytest.fixture
def broker(engine):
    return engine.broker


@pytest.fixture
def applied(engine):
    """applied(answer) -> the change, after a worker's turn."""

    def wait(answer: Any, status: int = 202) -> dict[str, Any]:
        assert answer.status_code == status, answer.content
        engine.apply()
        change = Change.objects.get(pk=answer.json()["id"])
        assert answer["Location"].endswith(f"/api/v1/changes/{change.pk}/")
        return {"state": change.state, "change": change}

    return wait


@pytest.fixture
def person(now):
    """A client of the API as a new person with this grant."""

    def make(name: str, role: Role, **columns: Any) -> APIClient:
        user = get_user_model().objects.create_user(name)
        Grant.objects.create(user=user, role=role, created_at=now, **columns)
        client = APIClient()
        client.force_authenticate(user)
        return client

    return make


@pytest.fixture
def mirror(broker, now):
    """mirror(Model, **columns) -> the id of a row as an inventory would have written it."""

    def add(model: Any, **columns: Any) -> int:
        return model.objects.create(broker=broker, first_seen_at=now, changed_at=now, **columns).pk

    return add


@pytest.fixture
def url_of(api, broker):
    """url_of("vhosts", name="/") -> the address of the one object of these names."""

    def find(kind: str, **names: str) -> str:
        (row,) = api.get(f"{BASE}/{kind}/", {"broker": broker.pk, **names}).json()["results"]
        return f"{BASE}/{kind}/{row['id']}/"

    return find


def attrs(answer: Any) -> list[Any]:
    return [error["attr"] for error in answer.json()["errors"]]


def test_the_worked_example_of_rabbitmqctl(api, broker, applied, names, seen):
    vhost, user = names("vhost"), names("user")
    made = applied(api.post(f"{BASE}/vhosts/", {"broker": broker.name, "name": vhost}))
    assert made["state"] == "done"
    body = {"broker": broker.pk, "name": user, "password": "correct horse", "tags": ["monitoring"]}
    answer = api.post(f"{BASE}/users/", body)
    assert applied(answer)["state"] == "done"
    assert b"correct horse" not in answer.content
    body = {"broker": broker.pk, "vhost": vhost, "user": user, **ALL}
    assert applied(api.post(f"{BASE}/permissions/", body))["state"] == "done"
    assert seen("permissions", vhost, user)["read"] == ".*"
    there = seen("users", user)
    assert there["tags"] == ["monitoring"]
    assert password_matches(Secret("correct horse"), there["password_hash"])


def test_a_vhost_is_changed_in_place_and_deleted(api, broker, applied, names, seen, url_of):
    vhost = names("vhost")
    applied(api.post(f"{BASE}/vhosts/", {"broker": broker.pk, "name": vhost, "description": "a"}))
    url = url_of("vhosts", name=vhost)
    read = api.get(url)
    assert (read["ETag"], read.json()["sync"], read.json()["generation"]) == ('"1"', "in_sync", 1)
    answer = api.patch(url, {"limits": {"max-queues": 7}}, headers={"If-Match": '"1"'})
    assert applied(answer)["state"] == "done"
    assert seen("vhost-limits", vhost)[0]["value"] == {"max-queues": 7}
    assert seen("vhosts", vhost)["description"] == "a"
    assert api.patch(url, {"tracing": True}, headers={"If-Match": '"1"'}).status_code == 412
    assert api.delete(url, headers={"If-Match": '"1"'}).status_code == 412
    assert api.delete(f"{url}?dry_run=true", headers={"If-Match": '"1"'}).status_code == 412
    plan = api.delete(f"{url}?dry_run=true").json()
    assert plan["counts"]["delete"] == 1
    assert any("exchanges" in text for text in plan["steps"][0]["objections"])
    assert seen("vhosts", vhost) is not None
    assert applied(api.delete(url))["state"] == "done"
    assert seen("vhosts", vhost) is None


def test_a_user_keeps_what_is_left_out(api, broker, applied, names, seen, url_of):
    user = names("user")
    body = {"broker": broker.pk, "name": user, "generate_password": True, "tags": ["management"]}
    answer = api.post(f"{BASE}/users/", body)
    password = answer.json()["password"]
    applied(answer)
    assert len(password) >= 24
    assert "password" not in api.get(answer["Location"]).json()
    assert password_matches(Secret(password), seen("users", user)["password_hash"])
    url = url_of("users", name=user)
    assert applied(api.patch(url, {"tags": ["monitoring"]}))["state"] == "done"
    assert password_matches(Secret(password), seen("users", user)["password_hash"])
    answer = api.patch(url, {"no_password": True})
    assert applied(answer)["state"] == "done"
    assert (seen("users", user)["password_hash"], seen("users", user)["tags"]) == (
        "",
        ["monitoring"],
    )
    assert applied(api.delete(url))["state"] == "done"
    assert seen("users", user) is None


def test_permissions_are_changed_taken_set_in_bulk_and_copied(
    api,
    broker,
    applied,
    names,
    seen,
    url_of,
):
    vhost, users = names("vhost"), [names("user"), names("user")]
    desired_objects: list[dict[str, Any]] = [{"kind": "vhost", "broker": broker.pk, "name": vhost}]
    desired_objects += [
        {"kind": "user", "broker": broker.pk, "name": u, "no_password": True} for u in users
    ]
    assert (
        applied(api.post(f"{BASE}/plans/", {"wishes": desired_objects, "apply": True}))["state"]
        == "done"
    )
    many = {"broker": broker.pk, "vhosts": [vhost], "users": users}
    assert applied(api.post(f"{BASE}/permissions/bulk/", {**many, **ALL}))["state"] == "done"
    assert seen("permissions", vhost, users[1])["write"] == ".*"
    url = url_of("permissions", vhost=vhost, user=users[0])
    assert applied(api.patch(url, {"write": "^a"}))["state"] == "done"
    assert seen("permissions", vhost, users[0])["write"] == "^a"
    assert seen("permissions", vhost, users[0])["read"] == ".*"
    assert applied(api.delete(url))["state"] == "done"
    assert seen("permissions", vhost, users[0]) is None
    topic = {"broker": broker.pk, "vhost": vhost, "user": users[1], "exchange": "amq.topic",
             "write": "^a", "read": "^b"}  # fmt: skip
    assert applied(api.post(f"{BASE}/topic-permissions/", topic))["state"] == "done"
    topic_url = url_of("topic-permissions", vhost=vhost, user=users[1])
    assert applied(api.patch(topic_url, {"read": "^c"}))["state"] == "done"
    assert seen("topic-permissions", vhost, users[1])[0]["read"] == "^c"
    BrokerStatus.objects.filter(broker=broker).update(inventory_at=timezone.now())
    copy = {"broker": broker.pk, "source": users[1], "target": users[0]}
    assert applied(api.post(f"{BASE}/permissions/copy/", copy))["state"] == "done"
    assert seen("permissions", vhost, users[0])["configure"] == ".*"
    assert applied(api.delete(topic_url))["state"] == "done"
    assert seen("topic-permissions", vhost, users[1]) in (None, [])
    clear = {**many, "clear": True}
    assert applied(api.post(f"{BASE}/permissions/bulk/", clear))["state"] == "done"
    assert seen("permissions", vhost, users[1]) is None


def test_a_plan_makes_what_its_other_wishes_stand_on(api, broker, applied, names, seen):
    vhost, user = names("vhost"), names("user")
    desired_objects = [
        {"kind": "permission", "broker": broker.name, "vhost": vhost, "user": user, **ALL},
        {"kind": "user", "broker": broker.name, "name": user, "password": "correct horse"},
        {"kind": "vhost", "broker": broker.name, "name": vhost},
    ]
    answer = api.post(f"{BASE}/plans/", {"wishes": desired_objects})
    assert answer.status_code == 200
    assert [step["kind"] for step in answer.json()["steps"]] == ["vhost", "user", "permission"]
    assert answer.json()["steps"][0]["commands"][0].startswith("rabbitmqctl add_vhost ")
    assert not Change.objects.exists()
    assert seen("vhosts", vhost) is None
    answer = api.post(
        f"{BASE}/plans/", {"wishes": desired_objects, "apply": True, "reason": "because"}
    )
    assert applied(answer)["state"] == "done"
    assert Change.objects.get().reason == "because"
    gone = [{"kind": "vhost", "broker": broker.name, "name": vhost, "absent": True}]
    assert applied(api.post(f"{BASE}/plans/", {"wishes": gone, "apply": True}))["state"] == "done"
    assert seen("vhosts", vhost) is None


@pytest.mark.parametrize("kind", ["vhosts", "users", "permissions/bulk", "plans"])
def test_a_dry_run_keeps_nothing(api, broker, kind, mirror):
    mirror(BrokerUser, name="u", tags=[])
    mirror(VirtualHost, name="seen")
    body: dict[str, Any] = {
        "vhosts": {"broker": broker.pk, "name": "v"},
        "users": {"broker": broker.pk, "name": "new", "password": "correct horse"},
        "permissions/bulk": {"broker": broker.pk, "vhosts": ["seen"], "users": ["u"], **ALL},
        "plans": {
            "wishes": [{"kind": "vhost", "broker": broker.pk, "name": "v"}],
            "apply": True,
        },
    }[kind]
    answer = api.post(f"{BASE}/{kind}/?dry_run=true", body)
    assert answer.status_code == 200, answer.content
    assert answer.json()["counts"]["create"] == 1
    assert b"correct horse" not in answer.content
    assert not Change.objects.exists()
    assert not ManagedObject.objects.exists()


def test_the_same_key_is_one_change(api, broker, applied, names):
    body = {"broker": broker.pk, "name": names("vhost")}
    key = {"Idempotency-Key": "deploy-4730"}
    first = api.post(f"{BASE}/vhosts/", body, headers=key)
    assert applied(first)["state"] == "done"
    again = api.post(f"{BASE}/vhosts/", body, headers=key)
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert Step.objects.count() == 1
    other = api.post(f"{BASE}/vhosts/", {**body, "name": "other"}, headers=key)
    assert other.status_code == 409
    assert other.json()["errors"][0]["code"] == "idempotency_mismatch"
    assert api.post(f"{BASE}/vhosts/", body, headers={"Idempotency-Key": "é"}).status_code == 400


def test_what_is_there_is_not_made_and_what_is_not_is_not_changed(api, broker, mirror):
    mirror(VirtualHost, name="v")
    answer = api.post(f"{BASE}/vhosts/", {"broker": broker.pk, "name": "v"})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "already_there")
    gone = mirror(VirtualHost, name="w")
    api.delete(f"{BASE}/vhosts/{gone}/")
    answer = api.patch(f"{BASE}/vhosts/{gone}/", {"tracing": True})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "not_there")


def test_waiting_tells_the_outcome_and_a_broker_that_is_down_is_no_error(
    api,
    engine,
    make_broker,
    names,
    monkeypatch,
):
    monkeypatch.setattr("console.faces.rest.drawn.changing.time.sleep", lambda _: engine.apply())
    body = {"broker": engine.broker.pk, "name": names("vhost")}
    answer = api.post(f"{BASE}/vhosts/?wait=5", body)
    assert (answer.status_code, answer.json()["state"]) == (200, "done")
    (made,) = answer.json()["objects"]
    assert api.get(f"{BASE}/vhosts/{made['id']}/").json()["name"] == body["name"]
    assert made["key"] == {"name": body["name"]}
    from tests.engine import Engine

    down = Engine(make_broker(management_url="http://127.0.0.1:9"), None)
    monkeypatch.setattr("console.faces.rest.drawn.changing.time.sleep", lambda _: down.apply())
    answer = api.post(f"{BASE}/vhosts/?wait=1", {"broker": down.broker.pk, "name": "v"})
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    steps = api.get(f"{answer['Location']}steps/").json()["results"]
    assert steps[0]["error_code"] == "connection_refused"
    assert steps[0]["next_attempt_at"]


def test_a_change_is_listed_followed_stopped_and_tried_again(api, broker, engine, applied, names):
    made = api.post(f"{BASE}/vhosts/", {"broker": broker.pk, "name": names("vhost")}).json()
    listed = api.get(f"{BASE}/changes/?broker={broker.pk}&state=accepted&mine=true").json()
    assert [one["id"] for one in listed["results"]] == [made["id"]]
    assert listed["results"][0]["steps"] == {"pending": 1}
    url = f"{BASE}/changes/{made['id']}/"
    assert api.post(f"{url}stop/").status_code == 202
    engine.apply()
    assert api.get(url).json()["state"] == "stopped"
    assert api.post(f"{url}stop/").status_code == 409
    again = api.post(f"{url}retry/")
    assert applied(again)["state"] == "done"
    assert api.post(f"{url}confirm/").status_code == 409
    assert api.get(f"{url}steps/?state=stopped").json()["count"] == 1
    assert api.get(f"{url}steps/?state=nope").status_code == 400


@pytest.mark.parametrize(
    ("path", "body", "attr"),
    [
        ("vhosts", {"name": ""}, "name"),
        ("vhosts", {"name": "a\nb"}, "name"),
        ("vhosts", {"name": ".."}, "name"),
        ("vhosts", {"name": "é" * 128}, "name"),
        ("vhosts", {"name": "x" * 256}, "name"),
        ("vhosts", {"name": 5}, "name"),
        ("vhosts", {}, "name"),
        ("vhosts", {"name": "v", "broker": "nope"}, "broker"),
        ("vhosts", {"name": "v", "broker": True}, "broker"),
        ("vhosts", {"name": "v", "broker": 2**62}, "broker"),
        ("vhosts", {"name": "v", "tags": ["a,b"]}, "tags"),
        ("vhosts", {"name": "v", "tags": "a"}, "tags"),
        ("vhosts", {"name": "v", "limits": {"max-nope": 1}}, "limits"),
        ("vhosts", {"name": "v", "limits": {"max-queues": -1}}, "limits"),
        ("vhosts", {"name": "v", "limits": {"max-queues": 2**40}}, "limits"),
        ("vhosts", {"name": "v", "limits": []}, "limits"),
        ("vhosts", {"name": "v", "tracing": "yes"}, "tracing"),
        ("vhosts", {"name": "v", "default_queue_type": "nope"}, "default_queue_type"),
        ("vhosts", {"name": "v", "generation": 3}, "generation"),
        ("users", {"name": "a:b", "no_password": True}, "name"),
        ("users", {"name": "u"}, "password"),
        ("users", {"name": "u", "password": ""}, "password"),
        ("users", {"name": "u", "password": "x" * 1025}, "password"),
        ("users", {"name": "u", "password": "a", "no_password": True}, "no_password"),
        ("users", {"name": "u", "password_hash": "nope"}, "password_hash"),
        ("users", {"name": "u", "password": "x", "hashing_algorithm": "rot13"}, "hashing_algorithm"),
        ("users", {"name": "u", "no_password": True, "tags": ["x"] * 33}, "tags"),
        ("permissions", {"vhost": "v", "user": "nobody", **ALL}, "user"),
        ("permissions", {"vhost": "nowhere", "user": "nobody", **ALL}, "vhost"),
        ("permissions/bulk", {"vhosts": ["v", "nowhere"], "users": ["nobody"], **ALL}, "vhost"),
        ("topic-permissions", {"vhost": "nowhere", "user": "nobody", "exchange": "e", "write": "", "read": ""}, "vhost"),
        ("topic-permissions", {"vhost": "v", "user": "nobody", "exchange": "e", "write": "", "read": ""}, "user"),
        ("permissions", {"vhost": "v", "user": "guest", "write": "", "read": ""}, "configure"),
        ("permissions", {"vhost": "v", "user": "guest", **ALL, "read": "x" * 1025}, "read"),
        ("permissions", {"vhost": "v", "user": "guest", **ALL, "read": None}, "read"),
        ("permissions/bulk", {"vhosts": [], "users": ["u"], **ALL}, "vhosts"),
        ("permissions/bulk", {"vhosts": ["v"], "users": ["u"], "read": ""}, "configure"),
        ("permissions/bulk", {"vhosts": ["v"], "users": ["u"], "clear": True, "read": ""}, "read"),
        ("permissions/copy", {"source": "u", "target": "u"}, "target"),
        ("topic-permissions", {"vhost": "v", "user": "guest", "exchange": "", "write": "", "read": ""}, "exchange"),
    ],
    ids=str,
)  # fmt: skip
def test_bad_input_names_its_field(api, broker, mirror, path, body, attr):
    mirror(VirtualHost, name="v")
    answer = api.post(f"{BASE}/{path}/", {"broker": broker.pk, **body})
    assert answer.status_code == 400, answer.content
    assert attrs(answer)[0].split(".")[0] == attr
    assert not Change.objects.exists()


@pytest.mark.parametrize(
    ("desired", "attr"),
    [
        (5, "wishes.0"),
        ({}, "wishes.0.kind"),
        ({"kind": []}, "wishes.0.kind"),
        ({"kind": "connection"}, "wishes.0.kind"),
        ({"kind": "vhost"}, "wishes.0.broker"),
        ({"kind": "vhost", "broker": 0, "name": "v"}, "wishes.0.broker"),
        ({"kind": "vhost", "absent": True, "broker": 0, "name": "v", "tracing": True}, "wishes.0.tracing"),
        ({"kind": "vhost", "nope": 1}, "wishes.0.nope"),
    ],
    ids=str,
)  # fmt: skip
def test_a_bad_wish_is_named(api, desired, attr):
    answer = api.post(f"{BASE}/plans/", {"wishes": [desired]})
    assert answer.status_code == 400, answer.content
    assert attrs(answer) == [attr]


@pytest.mark.parametrize("query", ["dry_run=yes", "wait=31", "wait=-1", "wait=x", "nope=1"])
def test_bad_parameters_are_refused(api, broker, query):
    answer = api.post(f"{BASE}/vhosts/?{query}", {"broker": broker.pk, "name": "v"})
    assert (answer.status_code, attrs(answer)) == (400, [query.split("=")[0]])


def test_a_vhost_administrator_writes_in_their_own_vhosts_only(person, broker, mirror):
    vera = person("vera", Role.VHOST_ADMINISTRATOR, broker=broker, vhost_pattern="/red*")
    red, blue = mirror(VirtualHost, name="/red-1"), mirror(VirtualHost, name="/blue")

    def status(method: str, path: str, body: Any = None) -> int:
        return getattr(vera, method)(f"{BASE}/{path}", body or {}, format="json").status_code

    assert status("post", "vhosts/", {"broker": broker.pk, "name": "/red-2"}) == 202
    assert status("post", "vhosts/", {"broker": broker.pk, "name": "/blue-2"}) == 403
    assert status("patch", f"vhosts/{red}/", {"tracing": True}) == 202
    assert status("patch", f"vhosts/{red}/", {"limits": {"max-queues": 1}}) == 403
    assert status("patch", f"vhosts/{blue}/", {"tracing": True}) == 404
    assert status("delete", f"vhosts/{blue}/") == 404
    both = [
        {"kind": "vhost", "broker": broker.pk, "name": n, "tracing": False}
        for n in ("/red-1", "/blue")
    ]
    assert status("post", "plans/", {"wishes": both, "apply": True}) == 403
    viewer = person("bob", Role.VIEWER, broker=broker)
    assert (
        viewer.patch(f"{BASE}/vhosts/{red}/", {"tracing": True}, format="json").status_code == 403
    )
    stranger = person("eve", Role.VIEWER, environment="production")
    body = {"broker": broker.pk, "name": "x"}
    assert (
        stranger.post(
            f"{BASE}/plans/", {"wishes": [{"kind": "vhost", **body}]}, format="json"
        ).status_code
        == 400
    )
    made = Change.objects.first()
    assert stranger.get(f"{BASE}/changes/{made.pk}/").status_code == 404
    assert stranger.get(f"{BASE}/changes/").json()["count"] == 0
    assert viewer.post(f"{BASE}/changes/{made.pk}/stop/").status_code == 403


def test_the_state_of_what_is_asked_for_costs_a_list_one_query(
    api,
    broker,
    engine,
    mirror,
):
    for number in range(3):
        mirror(VirtualHost, name=f"v{number}")
    engine.ask(("vhost", ["v0"], {}))
    api.get(f"{BASE}/vhosts/")
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        rows = api.get(f"{BASE}/vhosts/").json()["results"]
    assert [row["sync"] for row in rows] == ["pending", "unmanaged", "unmanaged"]
    assert sum("console_managedobject" in query["sql"] for query in queries) == 1


def test_the_first_page_names_the_collections(api):
    found = api.get("/api/v1/").json()
    assert found["vhosts"].endswith("/api/v1/vhosts/")
    assert {"users", "permissions", "queues", "changes", "drift", "audit"} <= set(found)
