"""Definitions files by the API: what is odd is told, what is legal is done exactly."""

from __future__ import annotations

import json
from typing import Any

import pytest

from console.models import Change
from console.rabbitmq.endpoint import Secret
from console.rabbitmq.passwords import hash_password, password_matches
from tests.inputs.doors import PLAN

pytestmark = pytest.mark.django_db
FULL = {"configure": ".*", "write": ".*", "read": ".*"}


def planned(doors: Any, content: Any) -> dict[str, Any]:
    answer = doors.file(content, PLAN)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    assert not Change.objects.exists()
    return found


def texts(plan: dict[str, Any]) -> str:
    return " | ".join(finding["text"] for finding in plan["findings"])


def test_f2_what_is_not_known_is_told_and_the_rest_is_planned(doors):
    plan = planned(doors, {"vhosts": [{"name": "in-f2", "tracin": True}], "vhost": []})
    assert (plan["sound"], plan["counts"]["create"]) == (True, 1)
    assert "vhosts[0].tracin: This key is unknown and has no effect." in texts(plan)
    assert "vhost: This section is unknown and has no effect." in texts(plan)


@pytest.mark.parametrize(
    "version", [5, None, {"a": 1}, [3], "9" * 5000, "99.1", "\u0663.1", "3", "<b>"], ids=repr
)
def test_f3_an_odd_version_is_told_and_changes_nothing(doors, version):
    plan = planned(doors, {"rabbit_version": version, "vhosts": [{"name": "in-f3"}]})
    assert plan["counts"]["create"] == 1
    assert ("rabbit_version" in texts(plan)) is (version != "3")
    assert len(texts(plan)) < 300


def test_f7_a_byte_order_mark_is_read_over(doors):
    body = b"\xef\xbb\xbf" + json.dumps({"vhosts": [{"name": "in-f7"}]}).encode()
    assert planned(doors, body)["counts"]["create"] == 1


def test_f4_300_mb_are_refused_before_they_are_read(doors):
    answer = doors.api.generic(
        "POST", f"{PLAN}?broker={doors.broker.pk}", b"{}", content_type="application/json",
        CONTENT_LENGTH=str(300 * 1024 * 1024),
    )  # fmt: skip
    assert answer.status_code == 413
    answer = doors.api.generic(
        "POST", f"{PLAN}?broker={doors.broker.pk}", b"\x1f\x8b", content_type="application/json",
        HTTP_CONTENT_ENCODING="gzip",
    )  # fmt: skip
    assert answer.status_code == 415


def test_l1_a_negative_limit_is_none_as_in_rabbitmq_s_own_files(doors):
    plan = planned(doors, {"vhosts": [{"name": "in-l1", "limits": {"max-queues": -1}}]})
    assert [row["fields"] for row in plan["rows"]] == [[]]


def test_j9_n23_names_of_servers_and_clusters_are_left_out_and_told(doors):
    file = {
        "queues": [{"vhost": "/", "name": "amq.gen-x"}],
        "global_parameters": [{"name": "cluster_name", "value": "x"}],
    }
    plan = planned(doors, file)
    assert (plan["rows"], plan["sound"]) == ([], True)
    assert "Skipped because" in texts(plan)


# What is legal, up to the broker and back


def test_r2_r4_r5_r6_r8_r9_r16_patterns_reach_the_broker_exactly(doors, live_broker, names):
    patterns = [
        "",
        "^(a+)+$",
        "x" * 1024,
        "^[[:alpha:]]+$",
        "(a{255}){255}",
        "^(a(?R)?b)$",
        "^{vhost}-",
    ]
    vhost = names("vhost")
    users = {names("user"): pattern for pattern in patterns}
    cells = [{"vhost": vhost, "user": user} for user in users]
    file = {
        "vhosts": [{"name": vhost}],
        "users": [{"name": user, "password_hash": "", "tags": []} for user in users],
        "permissions": [{**cell, **FULL, "read": users[cell["user"]]} for cell in cells],
        "topic_permissions": [
            {**cell, "exchange": "e", "write": users[cell["user"]], "read": ""} for cell in cells
        ],
    }
    change = doors.ended(doors.file(file))
    there = {row["user"]: row for row in live_broker.call("GET", "vhosts", vhost, "permissions")}
    for user, pattern in users.items():
        step = change.steps.get(target__kind="permission", target__key=[vhost, user])
        if step.state == "applied":
            assert there[user]["read"] == pattern
        else:
            # Only where brokers differ; with the broker's own words.
            assert pattern in ("(a{255}){255}", "^(a(?R)?b)$")
            assert step.error_detail
            assert user not in there


def test_t3_u1_u4_u7_a_user_is_taken_exactly_and_keeps_what_is_left_out(doors, live_broker, names):
    user, bare = names("user"), names("user")
    password = " a: \U0001f511 "
    file = {"users": [{"name": user, "password": password, "tags": ["a b"]},
                      {"name": bare, "password_hash": "", "tags": ""}]}  # fmt: skip
    answer = doors.file(file)
    assert password.strip() not in answer.content.decode()
    assert doors.ended(answer).state == "done"
    there = live_broker.call("GET", "users", user)
    assert there["tags"] == ["a b"]
    assert password_matches(Secret(password), there["password_hash"])
    assert live_broker.call("GET", "users", bare)["password_hash"] == ""
    assert (
        doors.ended(doors.file({"users": [{"name": user, "tags": "monitoring"}]})).state == "done"
    )
    again = live_broker.call("GET", "users", user)
    assert (again["tags"], again["password_hash"]) == (["monitoring"], there["password_hash"])


def test_u8_neither_plan_nor_change_nor_export_gives_a_hash_back(doors, names, live_broker):
    user, hashed = names("user"), hash_password(Secret("x")).reveal()
    file = {"users": [{"name": user, "password_hash": hashed, "tags": []}]}
    assert hashed not in json.dumps(planned(doors, file))
    change = doors.ended(doors.file(file))
    steps = doors.api.get(f"/api/v1/changes/{change.pk}/steps/")
    exported = doors.api.get("/api/v1/definitions/", {"broker": doors.broker.pk})
    for answer in (steps, exported, doors.api.get("/api/v1/audit/")):
        assert answer.status_code == 200
        assert hashed not in answer.content.decode()
    assert live_broker.call("GET", "users", user)["password_hash"] == hashed


def test_x10_what_somebody_else_made_meanwhile_is_left_as_it_is(doors, names, live_broker):
    vhost = names("vhost")
    answer = doors.file({"vhosts": [{"name": vhost, "description": "mine"}]})
    live_broker.call("PUT", "vhosts", vhost, body={"description": "theirs"})
    change = doors.ended(answer)
    assert change.state == "rejected"
    assert "Someone else created this object" in change.steps.get().error_detail
    assert live_broker.call("GET", "vhosts", vhost)["description"] == "theirs"


# The console's own user


@pytest.fixture
def own(make_broker, scratch_user, doors):
    """A broker on which the console is a user of its own."""
    name, password = scratch_user
    doors.broker = make_broker(username=name, password=password)
    return name


def test_a_file_does_not_shut_the_console_out_by_what_it_leaves_empty(doors, own, live_broker):
    before = live_broker.call("GET", "users", own)
    answer = doors.file({"users": [{"name": own, "tags": "administrator", "password_hash": ""}]})
    assert answer.status_code == 202
    doors.apply()
    assert live_broker.call("GET", "users", own) == before


@pytest.mark.parametrize(
    ("row", "said"),
    [
        pytest.param({"tags": ["monitoring"]}, "without the tag administrator", id="O2"),
        pytest.param({"tags": ["administrator"], "password": "other"}, "another password", id="O3"),
    ],
)
def test_a_file_does_not_shut_the_console_out(doors, own, row, said):
    file = {"users": [{"name": own, **row}]}
    answer = doors.file(file)
    assert answer.status_code == 400
    assert said in answer.json()["errors"][0]["detail"]
    assert not Change.objects.exists()
    plan = planned(doors, file)
    assert [(one["kind"], one["state"]) for one in plan["rows"]] == [("user", "impossible")]
