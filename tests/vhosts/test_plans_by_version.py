"""A plan that calls itself sound can be done: judged by the version, plugins and limits of the live broker."""

from __future__ import annotations

import dataclasses
import io
import json
import time
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse

from console.engine.proposals.commands import step_commands
from console.errors import InvalidField
from console.kinds.common.kind import Op, Ref
from console.kinds.refusals.versions import version_of
from tests.vhosts.test_definitions_import import importer, user, vhost  # noqa: F401
from vhosts.definitions.import_drafts import make_draft
from vhosts.definitions.import_file import ImportOptions
from vhosts.definitions.planning import planner as planning

pytestmark = pytest.mark.django_db


def said(plan: Any) -> dict[str, str]:
    """By the last part of the key: why it can't be imported."""
    return {row.ref.key[-1]: row.why for row in plan.of("impossible")}


def queue(vhost: str, name: str, **arguments: Any) -> dict[str, Any]:  # noqa: F811
    given = {f"x-{key.replace('_', '-')}": value for key, value in arguments.items()}
    return {"vhost": vhost, "name": name, "durable": True, "arguments": given}


def policy(vhost: str, name: str, **more: Any) -> dict[str, Any]:  # noqa: F811
    return {"vhost": vhost, "name": name, "pattern": ".*", **more}


@pytest.fixture
def as_version(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Plans are judged as on a broker of another version."""

    def pretend(version: str) -> None:
        read = planning.read_facts

        def facts(*given: Any) -> Any:
            return dataclasses.replace(read(*given), said=version, version=version_of(version))

        monkeypatch.setattr(planning, "read_facts", facts)

    return pretend


def test_what_this_broker_refuses_is_said_before_and_the_rest_is_done(importer, vhost, live_broker):  # noqa: F811
    version = live_broker.call("GET", "overview")["rabbitmq_version"]
    file = {
        "vhosts": [{"name": vhost}],
        "exchanges": [{"vhost": vhost, "name": "hashed", "type": "x-no-such-type", "durable": True}],
        "policies": [policy(vhost, "badkey", definition={"max-lenght": 5})],
        "queues": [
            queue(vhost, "typo", queue_type="quorom"),
            queue(vhost, "ttl", message_ttl="60000"),
            queue(vhost, "priority", max_priority=256),
            queue(vhost, "limited", queue_type="classic", delivery_limit=3),
            queue(vhost, "twice"),
            queue(vhost, "twice", max_length=5),
            queue(vhost, "ok"),
        ],
        "bindings": [
            {"vhost": vhost, "source": "amq.topic", "destination": "typo",
             "destination_type": "queue", "routing_key": "#", "arguments": {}}
        ],
    }  # fmt: skip
    plan = importer.plan(file)
    assert not plan.sound
    why = said(plan)
    assert set(why) == {"hashed", "badkey", "typo", "ttl", "priority", "limited", "twice", "{}"}
    assert why["typo"] == (
        f"RabbitMQ {version} has no queue type quorom. x-queue-type must be classic, quorum or stream."
    )
    assert why["ttl"] == f"The argument x-message-ttl must be a whole number (RabbitMQ {version})."
    assert "must be from 0 to 255" in why["priority"]
    assert f"RabbitMQ {version} refuses the argument x-delivery-limit" in why["limited"]
    assert "Did you mean max-length?" in why["badkey"]
    assert f"RabbitMQ {version} has no exchange type x-no-such-type" in why["hashed"]
    assert "twice with different values" in why["twice"]
    assert "can't be imported, and this needs it" in why["{}"]
    with pytest.raises(InvalidField):
        importer.do(file)
    assert importer.do(file, valid_part=True).state == "done"
    assert [row["name"] for row in live_broker.call("GET", "queues", vhost)] == ["ok"]


def test_a_plan_that_is_sound_is_done(importer, vhost):  # noqa: F811
    file = {
        "vhosts": [{"name": vhost, "limits": {"max-queues": 2}}],
        "queues": [queue(vhost, "a", max_priority=255), queue(vhost, "b", queue_type="quorum")],
        "policies": [policy(vhost, "p", definition={"max-length": 5, "overflow": "drop-head"})],
    }
    assert importer.plan(file).sound
    assert importer.do(file).state == "done"


def test_limits_that_are_full_are_said_before(importer, vhost, live_broker):  # noqa: F811
    live_broker.call("PUT", "vhosts", vhost)
    live_broker.call("PUT", "vhost-limits", vhost, "max-queues", body={"value": 2})
    live_broker.call("PUT", "queues", vhost, "there", body={"durable": True})
    plan = importer.plan({"queues": [queue(vhost, name) for name in ("a", "b", "c")]})
    assert set(said(plan)) == {"b", "c"}
    assert "allows 2 queues (max-queues) and has 1; the import creates 3 more" in said(plan)["b"]
    # The file raises the limit itself.
    limits = [{"name": vhost, "limits": {"max-queues": 4}}]
    file = {"vhosts": limits, "queues": [queue(vhost, name) for name in ("a", "b", "c")]}
    assert importer.plan(file).sound
    assert importer.do(file).state == "done"


def test_limits_below_what_is_there_are_told(importer, vhost, live_broker, scratch_vhost):  # noqa: F811
    """RabbitMQ keeps what is there, and takes what an import declares: only clients are refused."""
    name = scratch_vhost.name
    for queue_name in ("a", "b"):
        scratch_vhost.channel.queue_declare(queue_name, durable=True)
    limits = {"max-queues": 1, "max-connections": 0}
    file = {"vhosts": [{"name": name, "limits": limits}]}

    def told() -> str:
        return "\n".join(str(one) for one in importer.plan(file).findings)

    assert importer.plan(file).sound
    assert f"The virtual host {name} gets max-queues 1 and has 2 queues: they stay" in told()
    end = time.monotonic() + 20
    while f"The virtual host {name} gets max-connections 0 and has 1 connection" not in told():
        assert time.monotonic() < end, "a connection is listed some seconds after it is opened"
        time.sleep(0.5)


def test_keys_of_mirroring_are_an_objection_on_4_and_stripping_them_is_offered(
    importer,  # noqa: F811
    vhost,  # noqa: F811
    as_version,
):
    file = {
        "vhosts": [{"name": vhost}],
        "policies": [
            policy(vhost, "only", definition={"ha-mode": "all"}),
            policy(vhost, "both", definition={"ha-mode": "all", "max-length": 5}),
        ],
    }
    as_version("4.0.5")
    plan = importer.plan(file)
    assert said(plan) == dict.fromkeys(
        ("only", "both"), "RabbitMQ 4.0.5 has no key ha-mode: it was removed in 4.0."
    )
    offered = plan.remedies()
    assert offered == ["strip_cmq_keys_from_policies", "drop_empty_policies"]
    helped = importer.plan(file, transformations=tuple(offered))
    assert helped.sound
    assert [row.ref.key[-1] for row in helped.of("planned") if row.ref.kind == "policy"] == ["both"]


@pytest.mark.parametrize(
    ("version", "refused"), [("3.10.8", True), ("4.0.5", True), ("4.1.0", False)]
)
def test_deletion_protection_needs_a_version_that_has_it(
    importer,  # noqa: F811
    vhost,  # noqa: F811
    as_version,
    version,
    refused,
):
    as_version(version)
    file = {"vhosts": [{"name": vhost, "protected_from_deletion": True}]}
    plan = importer.plan(file)
    assert plan.sound is not refused
    if refused:
        assert said(plan)[vhost] == (
            f"RabbitMQ {version} has no field protected from deletion for a virtual host; 4.0.6 and "
            "later have."
        )
        assert plan.remedies() == ["strip_deletion_protection"]
        assert importer.plan(file, transformations=("strip_deletion_protection",)).sound


def test_a_version_that_is_not_known_is_said_and_judged_by_what_every_version_refuses(
    importer,  # noqa: F811
    vhost,  # noqa: F811
    as_version,
):
    as_version("")
    file = {
        "vhosts": [{"name": vhost, "protected_from_deletion": True}],
        "queues": [queue(vhost, "typo", queue_type="quorom")],
    }
    plan = importer.plan(file)
    assert any("version isn't known" in one for one in plan.objections)
    assert set(said(plan)) == {"typo"}


def test_a_plugin_that_is_missing_is_said_before(importer, vhost, live_broker, monkeypatch):  # noqa: F811
    monkeypatch.setattr(
        "vhosts.definitions.planning.facts._applications", lambda store: frozenset({"rabbit"})
    )
    file = {
        "vhosts": [{"name": vhost}],
        "parameters": [
            {"component": "shovel", "vhost": vhost, "name": "s", "value": {"src-uri": "amqp://"}}
        ],
    }
    plan = importer.plan(file)
    assert "the plugin rabbitmq_shovel isn't enabled there" in said(plan)["s"]
    assert plan.remedies() == ["exclude_runtime_parameters"]


def test_queues_come_before_what_uses_them(importer, vhost):  # noqa: F811
    """A shovel that runs declares the queue that it lacks, of another type than the file says."""
    shovel = {
        "src-protocol": "amqp091", "src-uri": "amqp://", "src-queue": "done_stream",
        "dest-protocol": "amqp091", "dest-uri": "amqp://", "dest-queue": "done",
    }  # fmt: skip
    file = {
        "vhosts": [{"name": vhost}],
        "parameters": [{"component": "shovel", "vhost": vhost, "name": "done", "value": shovel}],
        "queues": [queue(vhost, "done_stream", queue_type="stream")],
        "bindings": [
            {"vhost": vhost, "source": "amq.fanout", "destination": "done_stream",
             "destination_type": "queue", "routing_key": "", "arguments": {}}
        ],
    }  # fmt: skip
    kinds = [row.ref.kind for row in importer.plan(file).rows]
    assert kinds.index("queue") < kinds.index("binding") < kinds.index("shovel")


def test_a_topic_permission_on_the_default_exchange_is_left_out_with_a_note(importer, vhost, user):  # noqa: F811
    file = {
        "rabbit_version": "3.8.14",
        "users": [{"name": user, "password": "change-me", "tags": ""}],
        "vhosts": [{"name": vhost}],
        "permissions": [
            {"user": user, "vhost": vhost, "configure": ".*", "write": ".*", "read": ".*"}
        ],
        "topic_permissions": [
            {"user": user, "vhost": vhost, "exchange": "", "write": ".*", "read": ".*"}
        ],
    }
    plan = importer.plan(file)
    assert plan.sound
    assert any("default exchange isn't a topic exchange" in str(one) for one in plan.findings)
    assert importer.do(file).state == "done"


def test_a_type_without_its_argument_is_a_finding_and_the_type_that_is_declared(
    importer,  # noqa: F811
    vhost,  # noqa: F811
    live_broker,
):
    row = {"name": "q1", "vhost": vhost, "durable": True, "type": "quorum", "arguments": {}}
    file = {"vhosts": [{"name": vhost}], "queues": [row]}
    assert any(
        "without the argument x-queue-type" in str(one) for one in importer.plan(file).findings
    )
    assert importer.do(file).state == "done"
    assert live_broker.call("GET", "queues", vhost, "q1")["arguments"] == {"x-queue-type": "quorum"}
    assert importer.plan(file).in_sync


@pytest.mark.parametrize("name", ["${RABBITMQ_USER}", "{{ user }}", "<user>"])
def test_placeholders_that_nobody_filled_in_are_an_objection(importer, vhost, name):  # noqa: F811
    users = [{"name": name, "password_hash": "", "tags": ""}]
    assert "Fill it in" in said(importer.plan({"users": users}))[name]
    shovel = {"src-uri": f"amqp://{name}:x@host", "dest-uri": "amqp://", "src-queue": "a"}
    row = {"component": "shovel", "vhost": vhost, "name": "s", "value": shovel}
    plan = importer.plan({"vhosts": [{"name": vhost}], "parameters": [row]})
    assert "Fill it in" in said(plan)["s"]


@pytest.mark.parametrize(
    "password", ["${RABBITMQ_PASS}", "{{ password }}", "<password>", "changeme"]
)
def test_a_placeholder_for_a_password_is_an_objection(importer, user, password):  # noqa: F811
    plan = importer.plan({"users": [{"name": user, "password": password, "tags": ""}]})
    assert not plan.sound
    assert any("Fill it in" in str(one) for one in plan.findings)
    assert Ref("user", (user,)) not in {desired.ref for desired in plan.desired_objects}


def test_tags_without_power_are_told(importer, user):  # noqa: F811
    plan = importer.plan({"users": [{"name": user, "password_hash": "", "tags": "admin,app"}]})
    assert plan.sound
    told = [str(one) for one in plan.findings if "no power" in str(one)]
    assert told == [
        f"The user {user}: The tag admin has no power in RabbitMQ. The tag administrator has."
    ]


def test_a_pattern_that_cant_mean_what_was_meant_is_told(importer, vhost, user):  # noqa: F811
    rights = {"configure": ".*,", "write": "^foo|", "read": "''"}
    file = {
        "vhosts": [{"name": vhost}],
        "users": [{"name": user, "password_hash": "", "tags": ""}],
        "permissions": [{"vhost": vhost, "user": user, **rights}],
    }
    plan = importer.plan(file)
    assert plan.sound
    told = "\n".join(str(one) for one in plan.findings)
    assert "Configure: The comma is part of the pattern" in told
    assert "Write: The pattern ^foo| has an empty alternative" in told
    assert "Read: The quotes are part of the pattern" in told


def test_the_commands_and_the_page_offer_what_helps(
    importer,  # noqa: F811
    vhost,  # noqa: F811
    as_version,
    client,
    superuser,
    tmp_path,
    now,
):
    as_version("4.0.5")
    file = {
        "vhosts": [{"name": vhost}],
        "policies": [policy(vhost, "only", definition={"ha-mode": "all"})],
    }
    path = tmp_path / "file.json"
    path.write_text(json.dumps(file))
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("plan", str(path), "--broker", importer.broker.name, stdout=out)
    assert (
        "--transform strip_cmq_keys_from_policies --transform drop_empty_policies" in out.getvalue()
    )
    client.force_login(superuser)
    draft = make_draft(
        broker=importer.broker, body=path.read_bytes(), title="file.json",
        options=ImportOptions(), acting_user=superuser, now=now,
    )  # fmt: skip
    address = reverse("definitions_plan", args=[draft.pk])
    assert b"Remove mirroring keys from policies" in client.get(address).content
    chosen = {
        "act": "plan",
        "transformation": ["strip_cmq_keys_from_policies", "drop_empty_policies"],
    }
    assert client.post(address, chosen).status_code == 302
    draft.refresh_from_db()
    assert draft.plan["sound"]
    assert b"Remove mirroring keys from policies" not in client.get(address).content


def test_every_door_says_what_has_no_effect_and_refuses_what_the_version_lacks(api, make_broker):
    broker = make_broker()
    body = {
        "broker": broker.pk,
        "name": "u",
        "tags": ["Administrator"],
        "password": "correct horse",
    }
    plan = api.post("/api/v1/users/?dry_run=true", body).json()
    told = [one for step in plan["steps"] for one in step["objections"]]
    assert "The tag Administrator has no power in RabbitMQ. The tag administrator has." in told
    broker.status.rabbitmq_version = "4.0.5"
    broker.status.save(update_fields=["rabbitmq_version"])
    body = {"broker": broker.pk, "name": "v", "protected_from_deletion": True}
    answer = api.post("/api/v1/vhosts/?dry_run=true", body)
    assert answer.status_code == 400
    error = answer.json()["errors"][0]
    assert (error["attr"], "4.0.6 and later have" in error["detail"]) == (
        "protected_from_deletion", True,
    )  # fmt: skip
    body = {"broker": broker.pk, "vhost": "/", "name": "p", "definition": {"ha-mode": "all"}}
    answer = api.post("/api/v1/policies/?dry_run=true", body)
    assert answer.status_code == 400
    assert "removed in 4.0" in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize(("version", "line"), [("3.10.8", False), ("4.0.5", True)])
def test_a_line_of_rabbitmqctl_exists_in_the_brokers_version(version, line):
    lines = step_commands(
        Ref("vhost", ("v",)), Op.UPDATE, {"description": "new"}, ["description"], version=version
    )
    assert bool(lines) is line


def test_what_is_on_an_exchange_that_cannot_be_is_left_out_with_it(
    importer,  # noqa: F811
    vhost,  # noqa: F811
    user,  # noqa: F811
    live_broker,
):
    """RabbitMQ before 4.3 takes a topic permission on an exchange that isn't there, and makes nothing of it."""
    file = {
        "vhosts": [{"name": vhost}],
        "users": [{"name": user, "password_hash": "", "tags": ""}],
        "exchanges": [
            {"vhost": vhost, "name": "hashed", "type": "x-no-such-type", "durable": True},
            {"vhost": vhost, "name": "good", "type": "topic", "durable": True},
        ],
        "queues": [queue(vhost, "q")],
        "topic_permissions": [
            {"user": user, "vhost": vhost, "exchange": exchange, "write": ".*", "read": ".*"}
            for exchange in ("hashed", "good", "amq.topic")
        ],
        "bindings": [
            {"vhost": vhost, "source": "hashed", "destination": "q", "destination_type": "queue",
             "routing_key": "#", "arguments": {}},
        ],
    }  # fmt: skip
    plan = importer.plan(file)
    needs = f"The exchange hashed in {vhost} can't be imported, and this needs it."
    impossible = {row.ref.kind: row for row in plan.of("impossible")}
    assert set(impossible) == {"exchange", "topic_permission", "binding"}
    assert impossible["topic_permission"].why == impossible["binding"].why == needs
    assert importer.do(file, valid_part=True).state == "done"
    rows = live_broker.call("GET", "topic-permissions", vhost, user)
    assert sorted(row["exchange"] for row in rows) == ["amq.topic", "good"]


@pytest.mark.parametrize(
    ("version", "refused", "noted"),
    [("3.10.8", False, False), ("4.2.1", False, True), ("4.3.6", True, False), ("", False, False)],
)
def test_a_protected_user_that_a_file_changes_is_said_before(
    importer,  # noqa: F811
    user,  # noqa: F811
    live_broker,
    as_version,
    version,
    refused,
    noted,
):
    live_broker.call("PUT", "users", user, body={"password": "one", "tags": "protected,app"})
    as_version(version)
    row = {"name": user, "password": "another long one", "tags": "protected,app"}
    plan = importer.plan({"users": [row]})
    assert plan.sound is not refused
    assert any("this RabbitMQ version may refuse" in str(one) for one in plan.findings) is noted
    if refused:
        assert said(plan)[user] == (
            f"The user {user} has the tag protected, so RabbitMQ refuses to change it over its HTTP API. "
            f"To change it, run rabbitmqctl on a node of {importer.broker.name}."
        )
    # Its limits are RabbitMQ's to change all the same, and what is the same is not written.
    there = live_broker.call("GET", "users", user)
    same = {name: there[name] for name in ("name", "password_hash", "hashing_algorithm", "tags")}
    assert importer.plan({"users": [{**same, "limits": {"max-connections": 5}}]}).sound
    assert importer.plan({"users": [same]}).in_sync


def test_a_clear_password_in_a_file_is_judged_by_the_consoles_settings(
    importer,  # noqa: F811
    user,  # noqa: F811
    settings,
):
    def plan(password: str) -> Any:
        return importer.plan({"users": [{"name": user, "password": password, "tags": ""}]})

    assert plan("short-1").sound
    settings.BROKER_PASSWORD_LENGTH = 12
    weak = plan("short-1")
    assert not weak.sound
    (error,) = [one for one in weak.findings if one.level == "error"]
    assert (error.field, error.sentence) == (
        "password", "This password is too short. Use at least 12 characters.",
    )  # fmt: skip
    assert "short-1" not in str(weak.findings)
    assert Ref("user", (user,)) not in {desired.ref for desired in weak.desired_objects}
    assert plan("long enough for it").sound
    hashed = {"name": user, "password_hash": "", "tags": ""}
    assert importer.plan({"users": [hashed]}).sound
