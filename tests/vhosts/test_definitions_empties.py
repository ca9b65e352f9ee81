"""What a file leaves out or empty is no desired to clear it on the broker, by any door."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from console.models import Change
from tests.inputs.doors import APPLY, PLAN, Doors
from vhosts.definitions.backups import take_backup
from vhosts.definitions.import_file import ImportOptions, plan_import

pytestmark = pytest.mark.django_db
SHA256 = "rabbit_password_hashing_sha256"


@pytest.fixture
def doors(make_broker: Any, admin_client: Any, api: Any, tmp_path: Any) -> Doors:
    return Doors(make_broker(name="one"), admin_client, api, tmp_path)


@pytest.fixture
def vhost(live_broker: Any) -> Any:
    """With limits, a description and tags."""
    name = f"lim/{uuid4().hex[:10]}"
    body = {"description": "orders", "tags": "gold,eu"}
    live_broker.call("PUT", "vhosts", name, body=body)
    for limit in ("max-connections", "max-queues"):
        live_broker.call("PUT", "vhost-limits", name, limit, body={"value": 5})
    yield name
    live_broker.forget("vhosts", name)


@pytest.fixture
def user(live_broker: Any) -> Any:
    """With a password, a tag and a limit."""
    name = f"lim-{uuid4().hex[:10]}"
    live_broker.call("PUT", "users", name, body={"password": "x", "tags": "monitoring"})
    live_broker.call("PUT", "user-limits", name, "max-channels", body={"value": 7})
    yield name
    live_broker.forget("users", name)


def state(live: Any, vhost: str, user: str) -> dict[str, Any]:
    row, account = live.call("GET", "vhosts", vhost), live.call("GET", "users", user)
    limits = live.call("GET", "vhost-limits", vhost)
    return {
        "limits": limits[0]["value"] if limits else {},
        "description": row["description"],
        "vhost tags": sorted(row["tags"]),
        "user tags": account["tags"],
        "user limits": account["limits"],
        "password": bool(account["password_hash"]),
    }


FULL = {
    "limits": {"max-connections": 5, "max-queues": 5},
    "description": "orders",
    "vhost tags": ["eu", "gold"],
    "user tags": ["monitoring"],
    "user limits": {"max-channels": 7},
    "password": True,
}


def file_of(vhost: str, user: str, limits: Any = (), tags: Any = ()) -> dict[str, Any]:
    """As RabbitMQ 3.12 exports a virtual host and a user without any of these."""
    return {
        "rabbit_version": "3.12.0",
        "vhosts": [
            {"name": vhost, "limits": list(limits), "metadata": {"description": "", "tags": []}}
        ],
        "users": [
            {"name": user, "password_hash": "", "hashing_algorithm": SHA256, "tags": tags or "",
             "limits": dict(limits)}
        ],
        "parameters": [
            {"component": "vhost-limits", "vhost": vhost, "name": "limits", "value": []}
        ],
    }  # fmt: skip


def planned(doors: Doors, file: Any, superuser: Any, now: Any, **options: Any) -> Any:
    return plan_import(
        broker=doors.broker,
        body=json.dumps(file).encode(),
        options=ImportOptions(**options),
        acting_user=superuser,
        now=now,
    )


@pytest.mark.parametrize("door", ["api", "page", "command"])
def test_empty_values_clear_nothing_by_any_door(doors, vhost, user, live_broker, door):
    file = file_of(vhost, user)
    if door == "api":
        plan = doors.file(file, PLAN).json()
        assert (plan["in_sync"], plan["rows"]) == (True, [])
        told = [finding["text"] for finding in plan["findings"]]
        assert any("limit max-connections (5), limit max-queues (5)" in one for one in told), told
        assert any("password" in one and user in one for one in told), told
        assert doors.file(file, APPLY).json()["change"] is None
    elif door == "page":
        shown = doors.browser.get(doors.upload(file)["Location"]).content.decode()
        assert "The broker already matches the file" in shown
        assert "limit max-connections (5)" in shown
    else:
        code, said = doors.command(file, "--as", "root")
        assert code == 0
        assert "max-connections" in said
    doors.apply()
    assert state(live_broker, vhost, user) == FULL
    assert not Change.objects.exists()


def test_a_file_that_leaves_a_limit_out_keeps_it_and_sets_the_others(
    doors, vhost, user, live_broker
):
    file = {
        "vhosts": [{"name": vhost, "limits": {"max-queues": 9}}],
        "users": [{"name": user, "limits": {"max-connections": 3}}],
    }
    assert doors.file(file, APPLY).status_code == 202
    doors.apply()
    assert state(live_broker, vhost, user) == {
        **FULL,
        "limits": {"max-connections": 5, "max-queues": 9},
        "user limits": {"max-channels": 7, "max-connections": 3},
    }


def test_a_negative_limit_is_a_wish_to_have_none_and_is_told_before(
    doors, vhost, user, live_broker, superuser, now
):
    limits = {"max-queues": -1}
    file = {
        "vhosts": [{"name": vhost}],
        "users": [{"name": user, "limits": {"max-channels": -1}}],
        "parameters": [
            {"component": "vhost-limits", "vhost": vhost, "name": "limits", "value": limits}
        ],
    }
    plan = planned(doors, file, superuser, now)
    assert f"The virtual host {vhost} loses its limit max-queues (5)." in plan.objections
    assert f"The user {user} loses its limit max-channels (7)." in plan.objections
    doors.file(file, APPLY)
    doors.apply()
    assert state(live_broker, vhost, user) == {
        **FULL, "limits": {"max-connections": 5}, "user limits": {},
    }  # fmt: skip


def test_a_file_that_is_the_whole_truth_clears_and_says_so_before(
    doors, vhost, user, live_broker, superuser, now
):
    only = {"vhost": vhost}
    file = {name: rows for name, rows in file_of(vhost, user).items() if name != "users"}
    plan = planned(doors, file, superuser, now, prune=True, **only)
    assert (
        f"The virtual host {vhost} loses its limit max-connections (5), limit max-queues (5), "
        "description, tags." in plan.objections
    )
    answer = doors.file(file, APPLY, prune="true", vhost=vhost.replace("/", "%2F"))
    assert answer.status_code == 202, answer.content
    doors.apply()
    assert state(live_broker, vhost, user) == {
        **FULL, "limits": {}, "description": "", "vhost tags": [],
    }  # fmt: skip


def test_a_whole_truth_clears_a_users_password_and_says_so(doors, vhost, user, superuser, now):
    file = {"users": file_of(vhost, user)["users"]}
    plan = planned(doors, file, superuser, now, prune=True)
    told = [one for one in plan.objections if user in one]
    assert told == [f"The user {user} loses its limit max-channels (7), tags, password."]


def test_a_copy_clears_nothing_of_its_target(doors, vhost, user, live_broker, scratch_vhost):
    """The source has neither limits nor a description."""
    query = {
        "from_broker": "one", "source_vhost": scratch_vhost.name,
        "vhost": vhost.replace("/", "%2F"),
    }  # fmt: skip
    scratch_vhost.declare("q")
    assert doors.file(b"", APPLY, **query).status_code == 202
    doors.apply()
    assert state(live_broker, vhost, user) == FULL
    assert [row["name"] for row in live_broker.call("GET", "queues", vhost)] == ["q"]


def test_a_backup_from_before_the_limits_clears_none(doors, live_broker, scratch_vhost, now):
    """A restore is the import of a backup's file."""
    vhost = scratch_vhost.name
    backup = take_backup(doors.broker, now=now, origin="page", acting_user=None)
    address = f"/api/v1/definitions/backups/{backup.pk}/file/?secrets=true"
    content = json.loads(doors.api.get(address).content)
    assert vhost in [row["name"] for row in content["vhosts"]]
    live_broker.call("PUT", "vhost-limits", vhost, "max-queues", body={"value": 5})
    live_broker.call("PUT", "vhosts", vhost, body={"description": "later"})
    answer = doors.file(content, APPLY, vhost=vhost)
    assert answer.status_code == 202, answer.content
    doors.apply()
    assert live_broker.call("GET", "vhosts", vhost)["description"] == "later"
    assert live_broker.call("GET", "vhost-limits", vhost)[0]["value"] == {"max-queues": 5}


def test_patterns_of_permissions_are_values_when_they_are_empty(doors, vhost, user, live_broker):
    """To match nothing is what "" means in RabbitMQ."""
    every = {"configure": ".*", "write": ".*", "read": ".*"}
    live_broker.call("PUT", "permissions", vhost, user, body=every)
    file = {"permissions": [{"vhost": vhost, "user": user, **every, "write": ""}]}
    assert doors.file(file, APPLY).status_code == 202
    doors.apply()
    assert live_broker.call("GET", "permissions", vhost, user)["write"] == ""


def test_what_a_policy_or_a_queue_leaves_out_stays_as_it_is(doors, scratch_vhost, superuser, now):
    """RabbitMQ would set the priority to 0 and the queue's arguments to none."""
    vhost, live = scratch_vhost.name, scratch_vhost.live
    body = {"pattern": "^q", "definition": {"max-length": 5}, "priority": 4, "apply-to": "queues"}
    live.call("PUT", "policies", vhost, "p", body=body)
    scratch_vhost.declare("q", **{"x-max-length": 3})
    policy = {"vhost": vhost, "name": "p", "pattern": "^q", "definition": {"max-length": 5}}
    file = {"policies": [policy], "queues": [{"vhost": vhost, "name": "q"}]}
    plan = planned(doors, file, superuser, now)
    assert (plan.in_sync, plan.rows) == (True, ())
