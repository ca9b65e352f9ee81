"""Export, plan and import on the live broker. Only in vhosts of the tests' own: it is shared."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.engine.applying.apply import apply_broker
from console.errors import InvalidField, NotAllowed, NotSound, NotThere, Stale, TooLarge
from console.kinds.common.kind import Ref
from console.models import AuditEntry, Change, ManagedObject, Step
from tests.engine import utc_now
from vhosts.definitions.import_file import ImportOptions, ImportPlan, accept_import, plan_import
from vhosts.definitions.read import export_definitions, export_for_copy, file_bytes

pytestmark = pytest.mark.django_db


class Importer:
    def __init__(self, broker: Any, user: Any) -> None:
        self.broker, self.user = broker, user

    def plan(self, file: Any, user: Any = None, **options: Any) -> ImportPlan:
        body = file if isinstance(file, bytes) else json.dumps(file).encode()
        return plan_import(
            broker=self.broker,
            body=body,
            options=ImportOptions(**options),
            acting_user=user or self.user,
            now=utc_now(),
        )

    def do(self, file: Any, user: Any = None, **options: Any) -> Change:
        change = accept_import(
            self.plan(file, user, **options),
            acting_user=user or self.user,
            now=utc_now(),
            origin="api",
        )
        assert change is not None
        apply_broker(self.broker.pk, owner=uuid4().hex, clock=utc_now)
        change.refresh_from_db()
        return change

    def export(self, vhost: str | None, **more: Any) -> dict[str, Any]:
        return export_definitions(broker=self.broker, vhost=vhost, acting_user=self.user, **more)


@pytest.fixture
def importer(make_broker: Any, superuser: Any) -> Importer:
    return Importer(make_broker(), superuser)


@pytest.fixture
def vhost(live_broker: Any) -> Iterator[str]:
    name = f"test/{uuid4().hex[:10]} ü%2F"
    yield name
    live_broker.forget("vhosts", name)


@pytest.fixture
def user(live_broker: Any) -> Iterator[str]:
    name = f"test-{uuid4().hex[:10]}"
    yield name
    live_broker.forget("users", name)


@pytest.fixture
def person(django_user_model: Any, importer: Importer, vhost: str, now: Any) -> Any:
    """A vhost administrator of the vhost, and of nothing else."""
    one = django_user_model.objects.create_user("vera", password="a password")
    Grant.objects.create(
        user=one, role=Role.VHOST_ADMINISTRATOR, broker=importer.broker, vhost_pattern=vhost,
        created_at=now,
    )  # fmt: skip
    return one


def topology(vhost: str, user: str | None = None) -> dict[str, Any]:
    """A file with one of each kind that a vhost can hold."""
    file: dict[str, Any] = {
        "rabbit_version": "3.10.8",
        "vhosts": [{"name": vhost, "description": "d", "limits": {"max-queues": 50}}],
        "exchanges": [
            {"vhost": vhost, "name": "e/é", "type": "headers", "durable": True, "arguments": {}},
            {"vhost": vhost, "name": "inner", "type": "fanout", "internal": True},
        ],
        "queues": [
            {"vhost": vhost, "name": "q", "durable": True, "arguments": {"x-max-length": 5}},
            {"vhost": vhost, "name": "kept", "durable": True, "arguments": {}},
        ],
        "bindings": [
            {"vhost": vhost, "source": "e/é", "destination": "q", "destination_type": "queue",
             "routing_key": "a b/c", "arguments": {"x-match": "all", "n": 1, "deep": {"a": [1, "x"]}}},
            {"vhost": vhost, "source": "e/é", "destination": "inner",
             "destination_type": "exchange", "routing_key": "", "arguments": {}},
            {"vhost": vhost, "source": "amq.topic", "destination": "q",
             "destination_type": "queue", "routing_key": "#", "arguments": {}},
        ],
        "policies": [
            {"vhost": vhost, "name": "p", "pattern": "^q", "apply-to": "queues", "priority": 1,
             "definition": {"max-length": 5}}
        ],
        "parameters": [
            {"component": "operator_policy", "vhost": vhost, "name": "op",
             "value": {"pattern": "^x", "apply-to": "queues", "priority": 0,
                       "definition": {"max-length": 9}}},
        ],
    }  # fmt: skip
    if user:
        file["users"] = [{"name": user, "tags": ["management"], "limits": {"max-channels": 9},
                          "password": "correct horse"}]  # fmt: skip
        file["permissions"] = [
            {"vhost": vhost, "user": user, "configure": "^q", "write": "", "read": ".*"}
        ]
        file["topic_permissions"] = [
            {"vhost": vhost, "user": user, "exchange": "amq.topic", "write": "^a", "read": ".*"}
        ]
    return file


def test_what_is_exported_deleted_and_imported_is_there_again(importer, vhost, user, live_broker):
    assert importer.do(topology(vhost, user)).state == "done"
    hashed = live_broker.call("GET", "users", user)["password_hash"]
    whole = importer.export(None, secrets=True)
    exported = {
        name: [
            row for row in rows if vhost in json.dumps(row, ensure_ascii=False) or user in str(row)
        ]
        if isinstance(rows, list)
        else rows
        for name, rows in whole.items()
    }
    live_broker.forget("vhosts", vhost)
    live_broker.forget("users", user)
    plan = importer.plan(exported)
    assert plan.sound
    # Whoever makes a virtual host gets a permission on it.
    assert plan.counts()["create"] == 13 + 1
    assert importer.do(exported).state == "done"
    again = importer.export(None, secrets=True)
    for name, rows in exported.items():
        if isinstance(rows, list):
            assert [row for row in again[name] if row in rows] == rows
    assert live_broker.call("GET", "users", user)["password_hash"] == hashed
    assert importer.plan(exported).in_sync
    assert not Step.objects.exclude(secrets_encrypted="").exists()
    kept = str(list(Step.objects.values())) + str(list(AuditEntry.objects.values()))
    assert hashed not in kept + str(list(ManagedObject.objects.values()))


def test_a_file_of_one_vhost_goes_into_another_and_twice_is_nothing_to_do(
    importer, vhost, live_broker
):
    importer.do(topology(vhost))
    other = f"{vhost} too"
    try:
        one = importer.export(vhost)
        assert "vhost" not in one["queues"][0]
        assert importer.do(one, vhost=other).state == "done"
        assert importer.plan(one, vhost=other).in_sync
        assert len(live_broker.call("GET", "queues", other)) == 2
        copied = export_for_copy(
            broker=importer.broker, vhost=vhost, permissions=True, acting_user=importer.user
        )
        assert importer.plan(copied, vhost=other, source_vhost=vhost).in_sync
    finally:
        live_broker.forget("vhosts", other)


def test_nothing_of_a_half_sound_file_is_done_unless_the_valid_part_is_chosen(
    importer, vhost, live_broker
):
    file = topology(vhost)
    file["exchanges"].append({"vhost": vhost, "name": "bad", "type": "no-such-type"})
    file["exchanges"].append({"vhost": vhost, "name": "amq.zzz", "type": "direct"})
    file["queues"].append({"vhost": "no such vhost", "name": "q"})
    plan = importer.plan(file)
    assert plan.counts()["impossible"] == 3
    with pytest.raises(InvalidField, match=r"exchanges\[3\].name.*3 errors"):
        accept_import(plan, acting_user=importer.user, now=utc_now(), origin="api")
    assert not Change.objects.exists()
    # The broker has no such type: that is told before, and the rest is done.
    change = importer.do(file, valid_part=True)
    assert change.state == "done"
    assert [vhost, "bad"] not in [step.target.key for step in change.steps.all()]
    assert len(live_broker.call("GET", "queues", vhost)) == 2


def test_a_policy_that_no_form_takes_is_impossible(importer, vhost):
    sound = {"vhost": vhost, "name": "p", "pattern": "^a", "definition": {"max-length": 1}}
    bad = {**sound, "name": "bad", "pattern": "("}
    plan = importer.plan({"vhosts": [{"name": vhost}], "policies": [sound, bad]})
    (row,) = plan.of("impossible")
    assert row.ref == Ref("policy", (vhost, "bad"))
    assert "parenthes" in row.why
    assert Ref("policy", (vhost, "p")) in {row.ref for row in plan.of("planned")}


def test_a_queue_with_other_properties_is_held_until_replacing_is_chosen(
    importer, vhost, live_broker, seen_queue
):
    importer.do(topology(vhost))
    file = topology(vhost)
    file["queues"][0]["arguments"] = {"x-max-length": 6}
    plan = importer.plan(file)
    assert [(row.ref, row.state) for row in plan.rows] == [(Ref("queue", (vhost, "q")), "held")]
    assert "can't be changed after declaration" in plan.rows[0].why
    with pytest.raises(NotSound):
        accept_import(plan, acting_user=importer.user, now=utc_now(), origin="api")
    before = live_broker.call("GET", "bindings", vhost)
    change = importer.do(file, replace=True)
    assert change.state == "done"
    assert seen_queue(vhost, "q")["arguments"]["x-max-length"] == 6
    key = lambda row: json.dumps(row, sort_keys=True)  # noqa: E731
    assert sorted(live_broker.call("GET", "bindings", vhost), key=key) == sorted(before, key=key)


def test_a_queue_with_messages_is_replaced_only_by_force_and_the_plan_counts_them(
    importer, scratch_vhost, seen_queue, eventually
):
    scratch_vhost.declare("q")
    scratch_vhost.publish("q", 3)
    file = {"queues": [{"vhost": scratch_vhost.name, "name": "q", "durable": True,
                        "arguments": {"x-max-length": 9}}]}  # fmt: skip
    eventually(lambda: importer.plan(file, replace=True).rows[0].lost == 3)
    assert "3 messages are in them now" in importer.plan(file, replace=True).objections[0]
    change = importer.do(file, replace=True)
    assert change.state == "rejected"
    assert "not empty" in change.steps.get().error_detail
    assert seen_queue(scratch_vhost.name, "q")["arguments"].get("x-max-length") is None
    assert (
        "3 messages in them are lost" in importer.plan(file, replace=True, force=True).objections[0]
    )
    assert importer.do(file, replace=True, force=True).state == "done"
    assert seen_queue(scratch_vhost.name, "q")["arguments"]["x-max-length"] == 9


@pytest.fixture
def seen_queue(live_broker: Any) -> Callable[[str, str], Any]:
    return lambda vhost, name: live_broker.call("GET", "queues", vhost, name)


def test_pruning_deletes_what_the_file_lacks_in_that_vhost_alone(importer, vhost, live_broker):
    importer.do(topology(vhost))
    file = {key: value for key, value in topology(vhost).items() if key != "policies"}
    file["queues"] = file["queues"][1:]
    file["bindings"] = []
    assert importer.plan(file, vhost=vhost).in_sync
    plan = importer.plan(file, vhost=vhost, prune=True)
    assert {row.ref.kind for row in plan.rows} == {"queue", "binding"}
    assert {str(row.op) for row in plan.rows} == {"delete"}
    assert importer.do(file, vhost=vhost, prune=True).state == "done"
    assert [row["name"] for row in live_broker.call("GET", "queues", vhost)] == ["kept"]
    assert len(live_broker.call("GET", "policies", vhost)) == 1
    assert importer.plan(file, vhost=vhost, prune=True).in_sync


def test_a_vhost_administrator_imports_into_the_own_vhost_and_is_told_what_is_refused(
    importer, vhost, user, person, live_broker
):
    live_broker.call("PUT", "vhosts", vhost)
    file = topology(vhost, user)
    file["queues"].append({"vhost": "/", "name": "elsewhere"})
    file["parameters"].append(
        {"component": "shovel", "vhost": vhost, "name": "s",
         "value": {"src-uri": "amqp://", "dest-uri": "amqp://", "src-queue": "a"}}
    )  # fmt: skip
    file["global_parameters"] = [{"name": "mine", "value": 1}]
    plan = importer.plan(file, person)
    refused = {(row.ref.kind, row.ref.key) for row in plan.of("refused")}
    assert refused >= {
        ("user", (user,)),
        ("queue", ("/", "elsewhere")),
        ("operator_policy", (vhost, "op")),
        ("shovel", (vhost, "s")),
        ("global_parameter", ("mine",)),
    }
    # Limits are set over a vhost administrator, not by one.
    assert ("vhost", (vhost,)) in refused
    with pytest.raises(NotAllowed) as told:
        accept_import(plan, acting_user=person, now=utc_now(), origin="api")
    assert len(told.value.data["refused"]) == len(refused)
    own = {name: topology(vhost)[name] for name in ("queues", "exchanges", "bindings", "policies")}
    assert importer.do(own, person).state == "done"
    assert {step.permission for step in Step.objects.all()} == {
        "queues:edit",
        "exchanges:edit",
        "bindings:edit",
        "policies:edit",
    }
    with pytest.raises(NotAllowed):
        export_definitions(broker=importer.broker, acting_user=person)
    assert export_definitions(broker=importer.broker, vhost=vhost, acting_user=person)["queues"]
    with pytest.raises(NotAllowed):
        export_definitions(broker=importer.broker, vhost=vhost, acting_user=person, secrets=True)


def test_somebody_without_the_right_imports_nothing(importer, vhost, django_user_model):
    stranger = django_user_model.objects.create_user("eve", password="a password")
    with pytest.raises(NotAllowed):
        importer.plan(topology(vhost), stranger)


def test_passwords_of_shovels_reach_the_broker_and_nothing_else(importer, vhost, live_broker):
    value = {"src-uri": "amqp://", "src-queue": "a", "dest-uri": "amqp://u:s3cret@127.0.0.1:1",
             "dest-queue": "b", "src-protocol": "amqp091", "dest-protocol": "amqp091"}  # fmt: skip
    file = {"vhosts": [{"name": vhost}], "parameters": [
        {"component": "shovel", "vhost": vhost, "name": "s", "value": value}]}  # fmt: skip
    plan = importer.plan(file)
    assert "s3cret" not in repr(plan) + str([row.fields for row in plan.rows])
    change = importer.do(file)
    assert change.state == "done"
    assert live_broker.call("GET", "parameters", "shovel", vhost, "s")["value"] == value
    kept = [str(list(model.objects.values())) for model in (Step, AuditEntry, ManagedObject)]
    assert "s3cret" not in "".join(kept)
    shown = importer.export(vhost)
    assert "s3cret" not in json.dumps(shown)
    # What was exported without secrets changes nothing when it is imported again.
    assert importer.plan(shown, vhost=vhost).in_sync
    assert "s3cret" in json.dumps(importer.export(vhost, secrets=True))
    value["dest-uri"] = "amqp://u:0ther@127.0.0.1:1"
    plan = importer.plan(file)
    assert [f["secret"] for row in plan.rows for f in row.fields] == [True]


def test_a_plan_for_a_broker_that_has_changed_since_is_refused(importer, vhost, live_broker):
    file = {"vhosts": [{"name": vhost}]}
    shown = importer.plan(file).fingerprint
    live_broker.call("PUT", "vhosts", vhost)
    with pytest.raises(Stale):
        accept_import(
            importer.plan(file), acting_user=importer.user, now=utc_now(), origin="page",
            expected_fingerprint=shown,
        )  # fmt: skip


def test_an_empty_file_has_nothing_to_do_and_what_is_no_file_is_refused(importer):
    assert importer.plan({}).in_sync
    assert (
        accept_import(importer.plan({}), acting_user=importer.user, now=utc_now(), origin="api")
        is None
    )
    with pytest.raises(InvalidField):
        importer.plan(b"<html>")
    with pytest.raises(TooLarge):
        importer.plan(b" " * (20 * 1024 * 1024 + 1))
    with pytest.raises(InvalidField, match="Unknown transformation"):
        importer.plan({}, transformations=("nope",))
    with pytest.raises(NotThere):
        importer.export("no such vhost")


def test_two_thousand_objects_are_planned_and_applied(importer, vhost, live_broker):
    file = {
        "vhosts": [{"name": vhost}],
        "queues": [{"vhost": vhost, "name": f"q{n}", "durable": True} for n in range(1000)],
        "bindings": [
            {"vhost": vhost, "source": "amq.topic", "destination": f"q{n}", "routing_key": f"k.{n}",
             "destination_type": "queue", "arguments": {}}
            for n in range(1000)
        ],
    }  # fmt: skip
    change = importer.do(file)
    assert change.state == "done"
    assert change.steps.filter(state="applied").count() == 2001
    assert importer.plan(file).in_sync
    exported = importer.export(vhost)
    assert (len(exported["queues"]), len(exported["bindings"])) == (1000, 1000)
    assert file_bytes(exported)
