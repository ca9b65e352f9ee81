from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.engine.applying.apply import apply_broker
from console.models import Change
from tests.engine import utc_now

pytestmark = pytest.mark.django_db
PLAN, APPLY = "/api/v1/definitions/plan/", "/api/v1/definitions/apply/"


@pytest.fixture
def broker(make_broker: Any) -> Any:
    return make_broker(name="one")


@pytest.fixture
def vhost(live_broker: Any) -> Any:
    name = f"test/{uuid4().hex[:10]}"
    yield name
    live_broker.forget("vhosts", name)


def file_of(vhost: str, **more: Any) -> dict[str, Any]:
    queue = {"vhost": vhost, "name": "q", "durable": True, "arguments": {}}
    return {"vhosts": [{"name": vhost}], "queues": [queue], **more}


def send(api: Any, address: str, file: Any, headers: Any = None, **query: Any) -> Any:
    from urllib.parse import urlencode

    body = file if isinstance(file, bytes) else json.dumps(file).encode()
    return api.generic(
        "POST", f"{address}?{urlencode(query)}", body, content_type="application/json",
        headers=headers or {},
    )  # fmt: skip


def test_plan_apply_and_export(api, broker, vhost, live_broker):
    planned = send(api, PLAN, file_of(vhost), broker="one")
    assert planned.status_code == 200, planned.content
    plan = planned.json()
    assert (plan["sound"], plan["counts"]["create"]) == (True, 2)
    assert plan["rows"][0]["kind"] == "vhost"
    assert not Change.objects.exists()

    headers = {"Idempotency-Key": "k1", "If-Match": f'"{plan["fingerprint"]}"'}
    done = send(api, APPLY, file_of(vhost), headers, broker="one", reason="because")
    assert done.status_code == 202, done.content
    apply_broker(broker.pk, owner="test", clock=utc_now)
    change = Change.objects.get(pk=done.json()["change"])
    assert (change.state, change.reason, change.origin) == ("done", "because", "api")

    stale = send(api, APPLY, file_of(vhost), {"If-Match": "other"}, broker="one")
    assert stale.status_code == 412
    again = send(api, APPLY, file_of(vhost), broker="one")
    assert (again.status_code, again.json()["change"]) == (202, None)

    got = api.get("/api/v1/definitions/", {"broker": "one", "vhost": vhost})
    assert [row["name"] for row in got.json()["queues"]] == ["q"]
    assert (
        "password_hash" not in api.get("/api/v1/definitions/", {"broker": "one"}).content.decode()
    )
    whole = api.get("/api/v1/definitions/", {"broker": "one", "secrets": "true"})
    assert "password_hash" in whole.content.decode()


@pytest.mark.parametrize(
    ("file", "status", "told"),
    [
        (b"", 400, "body"),
        (b"[]", 400, "one JSON object"),
        (b'{"a": 1, "a": 2}', 400, "twice"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, 400, "deeper"),
        (b'{"a": "\\ud800"}', 400, "surrogate"),
        (b"x" * (20 * 1024 * 1024 + 1), 413, "larger"),
    ],
)
def test_what_is_no_file_is_refused_with_a_sentence(api, broker, file, status, told):
    answer = send(api, PLAN, file, broker="one")
    assert answer.status_code == status
    assert told in answer.json()["errors"][0]["detail"]


def test_an_empty_file_plans_nothing(api, broker):
    answer = send(api, PLAN, {}, broker="one").json()
    assert (answer["in_sync"], answer["rows"]) == (True, [])


def test_a_file_that_is_not_sound_is_refused_whole(api, broker, vhost):
    unknown = file_of(vhost, exchanges=[{"vhost": "nowhere", "name": "e", "type": "direct"}])
    answer = send(api, APPLY, unknown, broker="one")
    assert answer.status_code == 400
    assert "The virtual host nowhere is neither" in answer.json()["errors"][0]["detail"]
    assert not Change.objects.exists()
    assert send(api, APPLY, unknown, broker="one", valid_part="true").status_code == 202


def test_a_vhost_administrator_is_refused_what_is_not_theirs(
    api, broker, vhost, live_broker, django_user_model, now
):
    vera = django_user_model.objects.create_user("vera", password="a password")
    Grant.objects.create(
        user=vera, role=Role.VHOST_ADMINISTRATOR, broker=broker, vhost_pattern=vhost, created_at=now
    )
    api.force_authenticate(vera)
    file = file_of(vhost, users=[{"name": "u", "tags": "administrator", "password": "x"}])
    plan = send(api, PLAN, file, broker="one").json()
    assert [(row["kind"], row["state"]) for row in plan["rows"] if row["state"] == "refused"] == [
        ("user", "refused")
    ]
    answer = send(api, APPLY, file, broker="one")
    assert answer.status_code == 403
    assert "user u" in answer.json()["errors"][0]["detail"]
    assert api.get("/api/v1/definitions/", {"broker": "one"}).status_code == 403
    assert api.get("/api/v1/definitions/backups/").json()["count"] == 0


def test_a_vhost_is_copied(api, broker, vhost, live_broker):
    copy = f"{vhost} copy"
    live_broker.call("PUT", "vhosts", vhost)
    live_broker.call("PUT", "queues", vhost, "q", body={"durable": True})
    try:
        answer = api.generic(
            "POST",
            f"{APPLY}?broker=one&from_broker=one&source_vhost={vhost}&vhost={copy}",
            b"", content_type="application/json",
        )  # fmt: skip
        assert answer.status_code == 202, answer.content
        apply_broker(broker.pk, owner="test", clock=utc_now)
        assert live_broker.call("GET", "queues", copy, "q")["durable"] is True
    finally:
        live_broker.forget("vhosts", copy)


def test_backups_are_taken_listed_compared_and_read(api, broker, vhost, live_broker):
    taken = api.post("/api/v1/definitions/backups/", {"broker": broker.pk})
    assert taken.status_code == 201, taken.content
    older = taken.json()["id"]
    live_broker.call("PUT", "vhosts", vhost)
    newer = api.post("/api/v1/definitions/backups/", {"broker": broker.pk}).json()["id"]
    listed = api.get("/api/v1/definitions/backups/", {"broker": "one"}).json()
    assert [row["id"] for row in listed["results"]] == [newer, older]
    for query in ({"older": older, "newer": newer}, {"older": older}):
        found = api.get("/api/v1/definitions/compare/", query)
        assert found.status_code == 200, found.content
        rows = [(row["op"], row["kind"], row["key"]) for row in found.json()["rows"]]
        assert ("create", "vhost", [vhost]) in rows
    file = api.get(f"/api/v1/definitions/backups/{newer}/file/")
    assert vhost in [row["name"] for row in file.json()["vhosts"]]
    assert api.get("/api/v1/definitions/compare/", {"older": 10**9}).status_code == 404


def test_a_broker_that_is_down_is_told_and_no_fault_of_the_console(api, broker):
    broker.management_url = "http://127.0.0.1:9"
    broker.save()
    assert send(api, PLAN, {}, broker="one").status_code == 409
    assert api.get("/api/v1/definitions/", {"broker": "one"}).status_code == 409
    answer = api.post("/api/v1/definitions/backups/", {"broker": broker.pk})
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["detail"].startswith("one: ")
