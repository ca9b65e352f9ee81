"""Bad input by the REST API: 4xx with the field named, nothing kept, nothing sent; what is legal, exactly."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from console.engine.applying.attempt import secrets_of
from console.models import Change, ManagedObject
from console.rabbitmq.endpoint import Secret
from console.rabbitmq.passwords import SHA512, hash_password, password_matches
from tests.factories import add_user, add_vhost, permit, permit_topic
from tests.inputs.names import REFUSED

pytestmark = pytest.mark.django_db
FULL = {"configure": ".*", "write": ".*", "read": ".*"}
GOOD = hash_password(Secret("x")).reveal()
BARE = {"vhost": {}, "user": {"no_password": True}}


def refused(answer: Any, attr: str | None, *said: str, status: int = 400) -> dict[str, Any]:
    """The one error, which names the field and says one of these, with nothing kept."""
    assert answer.status_code == status, answer.content[:500]
    assert answer["Content-Type"] == "application/json"
    error: dict[str, Any] = answer.json()["errors"][0]
    assert error["attr"] == attr
    assert len(error["detail"]) < 500
    assert not said or any(one in error["detail"] for one in said), error
    assert not Change.objects.exists()
    assert not ManagedObject.objects.exists()
    return error


def raw(doors: Any, path: str, body: bytes) -> Any:
    return doors.api.generic("POST", f"/api/v1/{path}/", body, content_type="application/json")


@pytest.fixture
def seen(broker, now):
    """A virtual host, a user and its permissions as an inventory would have found them."""
    vhost, user = add_vhost(broker, "v", now), add_user(broker, "u", now, tags=["management"])
    cell = permit(broker, "u", "v", now)
    topic = permit_topic(broker, "u", "v", "amq.topic", now)
    return {"vhosts": vhost, "users": user, "permissions": cell, "topic-permissions": topic}


def address(seen: Any, kind: str) -> str:
    return f"/api/v1/{kind}/{seen[kind].pk}/"


@pytest.mark.parametrize("row", REFUSED, ids=[row.id for row in REFUSED])
def test_a_name_that_cannot_be_is_told_at_its_field(doors, seen, row):
    for kind in row.kinds:
        refused(doors.post(f"{kind}s", name=row.name, **BARE[kind]), "name", *row.said)
        desired = {"kind": kind, "broker": doors.broker.pk, "name": row.name, **BARE[kind]}
        answer = doors.api.post("/api/v1/plans/", {"wishes": [desired], "apply": True})
        refused(answer, "wishes.0.name", *row.said)
    given = {"vhost": "v", "user": "u", "exchange": "amq.topic", "write": "", "read": ""}
    for field in ("user",) if row.kinds == ("user",) else ("vhost", "user", "exchange"):
        refused(doors.post("topic-permissions", **{**given, field: row.name}), field)


def test_n5_a_topic_permission_needs_a_named_exchange(doors, seen):
    given = {"vhost": "v", "user": "u", "exchange": "", "write": "", "read": ""}
    refused(doors.post("topic-permissions", **given), "exchange", "may not be blank")


# Patterns

R1 = {"(": 2, "[": 2, "*a": 1, "\\": 2, "(?#": 4}


@pytest.mark.parametrize("pattern", R1, ids=[f"R1 {pattern}" for pattern in R1])
def test_no_regular_expression_is_told_with_its_place(doors, seen, pattern):
    said = f"at character {R1[pattern]}."
    where = {"vhost": "v", "user": "u"}
    refused(doors.post("permissions", **where, **{**FULL, "read": pattern}), "read", said)
    topic = {**where, "exchange": "e", "write": pattern, "read": ""}
    refused(doors.post("topic-permissions", **topic), "write", said)
    many = {"vhosts": ["v"], "users": ["u"], **FULL, "write": pattern}
    refused(doors.post("permissions/bulk", **many), "write", said)
    desired = {"kind": "permission", "broker": doors.broker.pk, **where, **FULL, "read": pattern}
    refused(
        doors.api.post("/api/v1/plans/", {"wishes": [desired]}),
        "wishes.0.read",
        said,
    )
    for kind in ("permissions", "topic-permissions"):
        refused(doors.api.patch(address(seen, kind), {"write": pattern}), "write", said)


@pytest.mark.parametrize(
    ("fields", "attr"),
    [
        pytest.param({"write": "x" * 1025}, "write", id="R6"),
        pytest.param({"write": "é" * 513}, "write", id="R6 bytes"),
        pytest.param({"write": "a\0"}, "write", id="R10"),
        pytest.param({"write": "a\\x00"}, "write", id="R10 escaped"),
        pytest.param({"read": None}, "read", id="R12 null"),
        pytest.param({"read": 5}, "read", id="J7"),
        pytest.param({"user": "nobody"}, "user", id="R14 user"),
        pytest.param({"vhost": "nowhere"}, "vhost", id="R14 vhost"),
    ],
)
def test_a_permission_that_cannot_be_is_told(doors, seen, fields, attr):
    refused(doors.post("permissions", **{"vhost": "v", "user": "u", **FULL, **fields}), attr)


def test_r12_every_pattern_that_is_missing_is_named(doors, seen):
    answer = doors.post("permissions", vhost="v", user="u", configure="")
    assert [error["attr"] for error in answer.json()["errors"]] == ["write", "read"]
    desired = {
        "kind": "permission",
        "broker": doors.broker.pk,
        "vhost": "v",
        "user": "u",
        "read": "",
    }
    answer = doors.api.post("/api/v1/plans/", {"wishes": [desired]})
    refused(answer, "wishes.0.configure", "missing: configure, write")


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        pytest.param("^(a+)+$", "Takes too many steps", id="R4"),
        pytest.param("(a*)*b", "Nested repetition", id="R4 nested"),
        pytest.param("orders", "Not anchored with ^", id="R13"),
    ],
)
def test_a_dry_run_says_what_to_think_of(doors, seen, pattern, said):
    given = {"broker": doors.broker.pk, "vhost": "v", "user": "u", **FULL, "write": pattern}
    answer = doors.api.post("/api/v1/permissions/?dry_run=true", given)
    (step,) = answer.json()["steps"]
    assert any(said in sentence for sentence in step["objections"])


@pytest.mark.parametrize("pattern", ["(a{255}){255}", "((a{100}){100}){100}"])
def test_r5_monsters_end_in_an_answer(doors, seen, pattern):
    answer = doors.post("permissions", vhost="v", user="u", **{**FULL, "read": pattern})
    assert answer.status_code in (202, 400)


# Users and secrets


@pytest.mark.parametrize(
    ("fields", "attr"),
    [
        pytest.param({"password_hash": "nope"}, "password_hash", id="U3"),
        pytest.param({"password_hash": GOOD[:-8]}, "password_hash", id="U3 short"),
        pytest.param({"password_hash": GOOD, "hashing_algorithm": SHA512}, "password_hash", id="U3 other"),
        pytest.param({"password_hash": GOOD, "hashing_algorithm": "rot13"}, "hashing_algorithm", id="U3 none"),
        pytest.param({"password_hash": "é" * 40}, "password_hash", id="U3 letters"),
        pytest.param({"password": ""}, "password", id="U4"),
        pytest.param({"password_hash": ""}, "password_hash", id="U4 hash"),
        pytest.param({}, "password", id="U4 no content type"),
        pytest.param({"password": "a", "no_password": True}, "no_password", id="U4 both"),
        pytest.param({"password": 5}, "password", id="U5"),
        pytest.param({"no_password": True, "tags": 5}, "tags", id="U5 tags"),
        pytest.param({"no_password": True, "tags": [5]}, "tags.0", id="U5 tag"),
        pytest.param({"password": "a\0b"}, "password", id="U7 NUL"),
        pytest.param({"password": "x" * 1025}, "password", id="U7 long"),
        pytest.param({"password": "é" * 600}, "password", id="U7 bytes"),
        pytest.param({"no_password": 1}, "no_password", id="J8"),
        pytest.param({"no_password": "true"}, "no_password", id="J8 text"),
        pytest.param({"no_password": True, "passwort": ""}, "passwort", id="J9"),
        pytest.param({"no_password": True, "tags": ["a,b"]}, "tags", id="T1"),
        pytest.param({"no_password": True, "tags": [str(n) for n in range(33)]}, "tags", id="T2"),
        pytest.param({"no_password": True, "tags": [""]}, "tags.0", id="T4"),
        pytest.param({"no_password": True, "tags": [" a"]}, "tags", id="T4 space"),
        pytest.param({"no_password": True, "tags": "a"}, "tags", id="T5"),
        pytest.param({"no_password": True, "tags": {"a": 1}}, "tags", id="T5 object"),
        pytest.param({"no_password": True, "tags": ["x" * 256]}, "tags.0", id="T6"),
        pytest.param({"no_password": True, "tags": ["é" * 128]}, "tags", id="T6 bytes"),
    ],
)  # fmt: skip
def test_a_user_that_cannot_be_is_told(doors, fields, attr):
    answer = doors.post("users", name="u", **fields)
    refused(answer, attr)
    assert GOOD.encode() not in answer.content


def test_u7_2_mb_are_refused(doors):
    refused(doors.post("users", name="u", password="x" * 2_000_000), None, status=413)


@pytest.mark.parametrize("password", [" a: b ", "\U0001f511é", "=cmd"], ids=repr)
def test_u7_a_password_is_taken_exactly(doors, password):
    doors.post("users", name="u", password=password)
    step = Change.objects.get().steps.get()
    assert password_matches(Secret(password), secrets_of(step)["password_hash"])


def test_u1_tags_are_changed_and_the_password_is_not_sent(doors, seen):
    doors.api.patch(address(seen, "users"), {"tags": ["monitoring"]})
    step = Change.objects.get().steps.get()
    assert (step.secrets_encrypted, step.after["tags"]) == ("", ["monitoring"])


def test_u8_no_answer_gives_a_secret_back(doors, seen):
    made = doors.post("users", name="w", password="s3cret", reason="because")
    change = made.json()["id"]
    hashed = secrets_of(Change.objects.get().steps.get())["password_hash"]
    answers = [made, doors.api.get(address(seen, "users"))]
    answers.append(doors.api.patch(address(seen, "users"), {"password_hash": hashed}))
    answers += [doors.api.get(f"/api/v1/{path}") for path in ("users/", "audit/", "changes/")]
    answers.append(doors.api.get(f"/api/v1/changes/{change}/steps/"))
    for answer in answers:
        assert answer.status_code < 300
        assert b"s3cret" not in answer.content
        assert hashed.encode() not in answer.content


def test_t3_a_tag_may_hold_a_space(doors):
    doors.post("users", name="u", no_password=True, tags=["b", "a b"])
    assert ManagedObject.objects.get().spec["tags"] == ["a b", "b"]


# Limits, and what JSON can be


@pytest.mark.parametrize(
    ("text", "attr"),
    [
        pytest.param('"limits": {"max-queues": -1}', "limits", id="L1"),
        pytest.param('"limits": {"max-queues": 1.5}', "limits.max-queues", id="L2"),
        pytest.param('"limits": {"max-queues": 2147483648}', "limits", id="L3"),
        pytest.param('"limits": {"max-queues": 9223372036854775808}', "limits.max-queues", id="L3 64"),
        pytest.param('"limits": {"max-nope": 1}', "limits", id="L4"),
        pytest.param('"limits": [1]', "limits", id="L4 list"),
        pytest.param('"name": "b"', "name", id="J1"),
        pytest.param('"tags": ["\\ud800"]', "tags.0", id="J2"),
        pytest.param('"a\\udfff": 1', "a\\udfff", id="J2 key"),
        pytest.param('"description": "\xff"', None, id="J3"),
        pytest.param('"description": "\xc0\xaf"', None, id="J3 overlong"),
        pytest.param('"tags": ' + "[" * 64 + "]" * 64, None, id="J4 65"),
        pytest.param('"tags": ' + "[" * 1000 + "]" * 1000, None, id="J4 1000"),
        pytest.param('"tags": ' + "[" * 100_000, None, id="J4 open"),
        pytest.param('"limits": {"max-queues": NaN}', "limits.max-queues", id="J5 NaN"),
        pytest.param('"limits": {"max-queues": -Infinity}', "limits.max-queues", id="J5 Infinity"),
        pytest.param('"limits": {"max-queues": 1e400}', "limits.max-queues", id="J5 1e400"),
        pytest.param('"limits": {"max-queues": %s}' % ("9" * 900), "limits.max-queues", id="J6 900"),
        pytest.param('"limits": {"max-queues": %s}' % ("9" * 5000), "limits.max-queues", id="J6 5000"),
        pytest.param('"limits": {"max-queues": "7"}', "limits.max-queues", id="J7"),
        pytest.param('"description": 7', "description", id="J7 text"),
        pytest.param('"tracing": 1', "tracing", id="J8"),
        pytest.param('"limits": {"max-queues": true}', "limits.max-queues", id="J8 number"),
        pytest.param('"discription": ""', "discription", id="J9"),
        pytest.param('"description": "a\\nb"', "description", id="N9 description"),
    ],
)  # fmt: skip
def test_a_vhost_that_cannot_be_is_told(doors, text, attr):
    body = f'{{"broker": {doors.broker.pk}, "name": "v", {text}}}'
    refused(raw(doors, "vhosts", body.encode("latin-1")), attr)
    desired_objects = f'{{"apply": true, "wishes": [{{"kind": "vhost", {body[1:]}]}}'
    answer = raw(doors, "plans", desired_objects.encode("latin-1"))
    refused(answer, answer.json()["errors"][0]["attr"])


@pytest.mark.parametrize(
    ("fields", "attr"),
    [
        pytest.param({"value": -1}, "value", id="L1"),
        pytest.param({"value": 1.5}, "value", id="L2"),
        pytest.param({"value": 2**31}, "value", id="L3"),
        pytest.param({"name": "max-nope"}, "name", id="L4"),
        pytest.param({"value": "7"}, "value", id="J7"),
        pytest.param({"value": True}, "value", id="J8"),
        pytest.param({"value": None}, "value", id="J7 null"),
        pytest.param({"vhost": "nowhere"}, "vhost", id="R14 vhost"),
        pytest.param({"vhost": ".."}, "vhost", id="N7 vhost"),
        pytest.param({"vhost": "a\nb"}, "vhost", id="N9 vhost"),
        pytest.param({"user": "u"}, "vhost", id="J9"),
    ],
)
def test_a_limit_that_cannot_be_is_told(doors, seen, fields, attr):
    given = {"vhost": "v", "name": "max-queues", "value": 7, **fields}
    refused(doors.post("limits", **given), attr)


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"5", b'{"name": "v"', b"{'name': 'v'}", b"{} {}", b"\xef\xbb\xbf{}"],
    ids=lambda body: f"J10 {body!r}",
)
def test_a_body_that_is_no_object_is_told(doors, body):
    for path in ("vhosts", "users", "permissions", "plans"):
        refused(raw(doors, path, body), None)


def test_j10_bytes_in_a_query_that_are_no_utf_8_are_refused(doors):
    for query in ("name=%FF", "name=a%00", "broker=%FF"):
        assert doors.api.get(f"/api/v1/vhosts/?{query}").status_code == 400


def test_n27_bytes_that_are_no_utf_8_are_refused(doors):
    refused(raw(doors, "vhosts", b'{"name": "a\xff"}'), None, "isn't valid UTF-8")


def test_l5_0_allows_nothing_and_null_is_no_limit(doors):
    doors.post("vhosts", name="v", limits={"max-queues": 0, "max-connections": None})
    assert ManagedObject.objects.get().spec["limits"] == {"max-queues": 0}


# Order of events


@pytest.mark.parametrize("kind", ["vhosts", "users", "permissions", "topic-permissions"])
def test_x2_an_older_etag_is_refused_with_the_present_one(doors, seen, kind):
    url = address(seen, kind)
    body = {"vhosts": {"tracing": True}, "users": {"tags": ["a"]}}.get(kind, {"read": "^a"})
    etag = doors.api.get(url)["ETag"]
    assert doors.api.patch(url, body, headers={"If-Match": etag}).status_code == 202
    for again in (
        doors.api.patch(url, body, headers={"If-Match": etag}),
        doors.api.patch(f"{url}?dry_run=true", body, headers={"If-Match": etag}),
        doors.api.delete(url, headers={"If-Match": etag}),
    ):
        assert (again.status_code, again["ETag"]) == (412, '"1"')
    assert doors.api.get(url)["ETag"] == '"1"'
    assert Change.objects.count() == 1
    assert doors.api.patch(url, body, headers={"If-Match": "1"}).status_code == 400


@pytest.mark.parametrize("kind", ["vhosts", "users", "permissions"])
def test_x2_without_if_match_nobody_s_field_is_undone(doors, seen, kind, monkeypatch):
    """The other person's desired is accepted after ours was made, before it is kept."""
    url = address(seen, kind)
    mine, theirs = {
        "vhosts": ({"tracing": True}, {"tags": ["theirs"]}),
        "users": ({"limits": {"max-channels": 1}}, {"tags": ["theirs"]}),
        "permissions": ({"read": "^mine"}, {"write": "^theirs"}),
    }[kind]
    from console.faces.rest.drawn import changing

    first = changing.accept
    late = [theirs]

    def accept(*args: Any, **kwargs: Any) -> Any:
        if late:
            assert doors.api.patch(url, late.pop()).status_code == 202
        return first(*args, **kwargs)

    monkeypatch.setattr(changing, "accept", accept)
    assert doors.api.patch(url, mine).status_code == 202
    spec = ManagedObject.objects.get(kind=kind.rstrip("s")).spec
    assert {**spec, **mine, **theirs} == spec


@pytest.mark.parametrize("kind", ["vhosts", "users", "permissions", "topic-permissions"])
def test_x4_and_x5_what_is_being_deleted_is_neither_deleted_again_nor_edited(doors, seen, kind):
    url = address(seen, kind)
    assert doors.api.delete(url).status_code == 202
    again = doors.api.delete(url)
    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "not_there")
    body = {"vhosts": {"tracing": True}, "users": {"tags": ["a"]}}.get(kind, {"read": "^a"})
    assert doors.api.patch(url, body).status_code == 409
    assert Change.objects.count() == 1


def test_x6_a_change_that_has_ended_is_not_stopped(doors):
    made = doors.post("vhosts", name="v").json()["id"]
    Change.objects.update(state="done")
    answer = doors.api.post(f"/api/v1/changes/{made}/stop/")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "nothing_left")


def test_x9_a_broker_that_is_switched_off_is_left_alone_and_the_change_says_so(doors):
    doors.broker.enabled = False
    doors.broker.save()
    made = doors.post("vhosts", name="off")
    assert doors.ended(made).state == "waiting"
    (step,) = doors.api.get(f"{made['Location']}steps/").json()["results"]
    assert step["error_code"] == "disabled"


def test_x10_what_somebody_else_made_is_left_as_it_is(doors, seen, names, live_broker):
    assert doors.post("users", name="u", no_password=True).status_code == 409
    vhost, user = names("vhost"), names("user")
    asked = [
        doors.post("vhosts", name=vhost, description="mine"),
        doors.post("users", name=user, password="mine"),
    ]
    # After the last inventory, before the worker.
    live_broker.call("PUT", "vhosts", vhost, body={"description": "theirs"})
    live_broker.call("PUT", "users", user, body={"password": "theirs", "tags": "monitoring"})
    for answer in asked:
        change = doors.ended(answer)
        assert change.state == "rejected"
        assert "Someone else created this object" in change.steps.get().error_detail
    assert live_broker.call("GET", "vhosts", vhost)["description"] == "theirs"
    there = live_broker.call("GET", "users", user)
    assert there["tags"] == ["monitoring"]
    assert password_matches(Secret("theirs"), there["password_hash"])


@pytest.mark.django_db(transaction=True)
def test_x12_of_many_who_ask_for_one_name_at_once_one_gets_it(doors, api_token):
    from rest_framework.test import APIClient

    def ask(number: int) -> int:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {api_token}")
        body = {"broker": doors.broker.pk, "name": "same", "description": str(number)}
        try:
            return int(client.post("/api/v1/vhosts/", body, format="json").status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(ask, range(16)))
    assert answers == [202] + [409] * 15
    assert ManagedObject.objects.get().generation == 1


# The console's own


@pytest.fixture
def own(broker, now):
    return add_user(broker, broker.username, now, tags=["administrator", "a"])


def test_o1_the_console_s_own_user_is_not_deleted(doors, own):
    refused(doors.api.delete(f"/api/v1/users/{own.pk}/"), "name", "console signs in")
    desired = {"kind": "user", "broker": doors.broker.pk, "name": own.name, "absent": True}
    answer = doors.api.post("/api/v1/plans/", {"wishes": [desired], "apply": True})
    refused(answer, "wishes.0.name", "console signs in")


def test_o2_the_console_s_own_user_keeps_its_tag(doors, own):
    answer = doors.api.patch(f"/api/v1/users/{own.pk}/", {"tags": ["a"]})
    refused(answer, "tags", "without the tag administrator")
    kept = doors.api.patch(f"/api/v1/users/{own.pk}/", {"tags": ["administrator"]})
    assert kept.status_code == 202


def test_o4_deleting_the_default_vhost_says_that_it_is(doors, now):
    vhost = add_vhost(doors.broker, "/", now)
    plan = doors.api.delete(f"/api/v1/vhosts/{vhost.pk}/?dry_run=true").json()
    assert any("It is the default virtual host" in text for text in plan["steps"][0]["objections"])


# What is legal, up to the broker and back


def test_r2_r4_r6_r8_r9_r10_r16_patterns_reach_the_broker_exactly(doors, live_broker, names, now):
    """Each on a user of its own, as one change."""
    patterns = {
        "": "applied", "^(a+)+$": "applied", "x" * 1024: "applied", "^[[:alpha:]]+$": "applied",
        "(a{255}){255}": "either", "^(a(?R)?b)$": "either", "^é\\.[^/]*$": "applied",
        "^{username}-": "applied", "orders": "applied",
    }  # fmt: skip
    vhost = names("vhost")
    users = {names("user"): pattern for pattern in patterns}
    desired_objects: list[dict[str, Any]] = [{"kind": "vhost", "name": vhost}]
    for user, pattern in users.items():
        cell = {"vhost": vhost, "user": user}
        desired_objects += [
            {"kind": "user", "name": user, "no_password": True},
            {"kind": "permission", **cell, "configure": "", "write": "^a", "read": pattern},
            {"kind": "topic_permission", **cell, "exchange": "a/é", "write": pattern, "read": ""},
        ]
    body = {
        "apply": True,
        "wishes": [{**desired, "broker": doors.broker.pk} for desired in desired_objects],
    }
    answer = doors.api.post("/api/v1/plans/", body)
    change = doors.ended(answer)
    there = {row["user"]: row for row in live_broker.call("GET", "vhosts", vhost, "permissions")}
    for user, pattern in users.items():
        steps = change.steps.filter(target__kind="permission", target__key=[vhost, user])
        step = steps.get()
        if patterns[pattern] == "applied" or step.state == "applied":
            assert (step.state, there[user]["read"]) == ("applied", pattern)
        else:
            assert step.error_detail, pattern
            assert user not in there
    assert change.state in ("done", "partly")
    shown = doors.api.get(f"{answer['Location']}steps/?state=rejected").json()["results"]
    assert all(json.dumps(step["error_detail"]) for step in shown)
