"""A proxy that rewrites escaped characters in paths: nothing is called done that isn't, nothing else is
touched, and what has a plain name goes on."""

from __future__ import annotations

import pytest

from console.brokers.connect import connect
from console.engine.applying.broker_objects import BrokerObjects
from console.kinds.common.kind import Ref
from console.models import Attempt, Broker
from console.rabbitmq.endpoint import Secret
from console.rabbitmq.errors import PathRewritten
from console.secrets import encrypt
from tests.console.changes.test_crashes import HASH, reach_by
from tests.faults.gate import (
    Gate,
    as_nginx_does,
    encoded_twice,
    refused_by_apache,
    without_merging,
)
from vhosts.models import Queue

pytestmark = [pytest.mark.django_db, pytest.mark.faults]
ALL = {"configure": ".*", "write": ".*", "read": ".*"}
LESS = {"configure": "^$", "write": "^$", "read": ".*"}
PROXIES = pytest.mark.parametrize(
    "rewrite", [as_nginx_does, without_merging, encoded_twice, refused_by_apache]
)


@pytest.fixture
def user(live_broker):
    """A user with a plain name, who may do everything in the virtual host /."""
    name = "warren-proxied"
    live_broker.call("PUT", "users", name, body={"password": "x", "tags": ""})
    live_broker.call("PUT", "permissions", "/", name, body=ALL)
    yield name
    live_broker.forget("users", name)


@pytest.fixture
def behind(engine, live_broker):
    """behind(rewrite) -> a gate through which the engine reaches the live broker from now on."""
    gates = []

    def go(rewrite, **more):
        gates.append(Gate(live_broker.url, rewrite=rewrite, **more).__enter__())
        reach_by(engine, gates[-1].url)
        return gates[-1]

    yield go
    for gate in gates:
        gate.__exit__()


def ended(change):
    """(state of the change, state and code of its only step)"""
    change.refresh_from_db()
    step = change.steps.get()
    return change.state, step.state, step.error_code


@PROXIES
@pytest.mark.parametrize("spec", [None, LESS], ids=["delete", "update"])
def test_a_permission_in_the_default_virtual_host_is_not_called_done(
    rewrite, spec, behind, engine, user, seen
):
    gate = behind(rewrite)
    change = engine.do(
        ("permission", ["/", user], spec), observed={Ref("permission", ("/", user)): ALL}
    )
    assert seen("permissions", "/", user)["configure"] == ".*"
    assert ended(change) == ("rejected", "rejected", "path_rewritten")
    said = change.steps.get().error_detail
    assert "%2F" in said
    assert "Test the broker's connection" in said
    assert gate.writes == []
    assert engine.target("permission", "/", user).sync == "rejected"


@PROXIES
def test_what_is_asked_for_new_is_not_sent_either(rewrite, behind, engine, names, seen):
    gate = behind(rewrite)
    name = names("vhost")
    change = engine.do(("vhost", [name], {}))
    assert ended(change) == ("rejected", "rejected", "path_rewritten")
    assert gate.writes == []
    assert seen("vhosts", name) is None


def test_a_deletion_does_not_reach_the_object_that_the_rewritten_path_means(
    behind, engine, live_broker, scratch_vhost
):
    scratch_vhost.declare("orders")
    name = f"{scratch_vhost.name}/orders"
    spec = {"durable": True, "auto_delete": False, "arguments": {}}
    live_broker.call("PUT", "queues", "/", name, body=spec)
    try:
        behind(as_nginx_does)
        change = engine.do(("queue", ["/", name], None), observed={Ref("queue", ("/", name)): spec})
        assert live_broker.call("GET", "queues", scratch_vhost.name, "orders")["name"] == "orders"
        assert live_broker.call("GET", "queues", "/", name)["name"] == name
        assert ended(change) == ("rejected", "rejected", "path_rewritten")
    finally:
        live_broker.forget("queues", "/", name)


def test_what_has_a_plain_name_goes_through_such_a_proxy(behind, engine, user, seen):
    behind(as_nginx_does)
    change = engine.do(
        ("user", [user], {"tags": ["monitoring"]}, HASH),
        ("permission", ["/", user], None),
        observed={
            Ref("user", (user,)): {"tags": [], "limits": {}},
            Ref("permission", ("/", user)): ALL,
        },
    )
    assert change.state == "partly"
    assert seen("users", user)["tags"] == ["monitoring"]


def test_what_is_there_already_is_found_by_the_listing(behind, engine, user):
    behind(as_nginx_does)
    change = engine.do(("permission", ["/", user], ALL))
    assert ended(change) == ("done", "applied", "")
    assert Attempt.objects.get().outcome == "unchanged"


def test_without_such_a_proxy_a_deletion_is_confirmed_by_the_listing(behind, engine, user, seen):
    gate = behind(str)
    change = engine.do(
        ("permission", ["/", user], None), observed={Ref("permission", ("/", user)): ALL}
    )
    assert ended(change) == ("done", "applied", "")
    assert seen("permissions", "/", user) is None
    assert gate.reads[-1] == "/api/permissions"


def test_a_404_on_the_way_to_one_deletion_is_no_proof_where_the_probe_passed(
    behind, engine, user, seen
):
    """A proxy with a rule of its own for permissions only."""

    def permissions_only(target):
        return as_nginx_does(target) if target.startswith("/api/permissions/") else target

    behind(permissions_only)
    change = engine.do(
        ("permission", ["/", user], None), observed={Ref("permission", ("/", user)): ALL}
    )
    assert seen("permissions", "/", user)
    assert ended(change)[0] == "rejected"


@PROXIES
def test_no_kind_of_object_is_read_as_absent(
    rewrite, behind, engine, live_broker, management, user
):
    """Of each kind one in the virtual host /, with a slash in its name where it may have one."""
    direct = BrokerObjects(management.http)
    spec = {"durable": True, "auto_delete": False, "arguments": {}}
    policy = {"pattern": "^nothing$", "apply_to": "queues", "priority": 0}
    policy |= {"definition": {"max-length": 1}}
    objects = {
        ("exchange", ("/", "warren/e")): {**spec, "type": "topic", "internal": False},
        ("queue", ("/", "warren/q")): spec,
        ("binding", ("/", "warren/e", "queue", "warren/q", "a/b", "{}")): {},
        ("topic_permission", ("/", user, "warren/e")): {"write": "a", "read": "b"},
        ("policy", ("/", "warren/p")): policy,
        ("operator_policy", ("/", "warren/o")): policy,
        ("global_parameter", ("warren/g",)): {"value": {"a": 1}},
        ("permission", ("/", user)): None,
        ("vhost", ("/",)): None,
    }
    gate = Gate(live_broker.url, rewrite=rewrite)
    try:
        for (kind, key), wanted in objects.items():
            if wanted is not None:
                direct.write(kind, key, wanted, None)
        with gate:
            reach_by(engine, gate.url)
            engine.broker.refresh_from_db()
            with connect(engine.broker) as client:
                proxied = BrokerObjects(client.http)
                for kind, key in objects:
                    found = proxied.read(kind, key)
                    expected = direct.read(kind, key)
                    assert found == expected, kind
                    assert expected is not None
                with pytest.raises(PathRewritten):
                    client.queue_now("/", "warren/q")
                with pytest.raises(PathRewritten):
                    client.user_connections("somebody/else")
    finally:
        for kind, key in objects:
            if objects[kind, key] is not None:
                direct.delete(kind, key)


def test_a_page_does_not_say_that_the_queue_is_gone(
    behind, engine, client, superuser, live_broker, poll_now, inventory_now
):
    live_broker.call("PUT", "queues", "/", "warren-there", body={"durable": True})
    try:
        poll_now(engine.broker)
        inventory_now(engine.broker)
        found = Queue.objects.get(broker=engine.broker, vhost="/", name="warren-there")
        behind(as_nginx_does)
        client.force_login(superuser)
        text = client.get(f"/queues/{found.pk}/now/").content.decode()
        assert "no longer exists on the broker" not in text
        assert "rewrites escaped characters" in text
    finally:
        live_broker.forget("queues", "/", "warren-there")


@pytest.mark.parametrize(
    ("rewrite", "more"),
    [(as_nginx_does, {}), (refused_by_apache, {}), (str, {"only_reads": True})],
    ids=["rewritten", "refused", "only reads"],
)
def test_exchanges_queues_and_bindings_are_declared_and_deleted_by_amqp_then(
    rewrite, more, behind, engine, live_broker, poll_now
):
    poll_now(engine.broker)  # RabbitMQ names its AMQP port
    gate = behind(rewrite, **more)
    exchange = Ref("exchange", ("/", "warren/e"))
    queue, other = Ref("queue", ("/", "warren/q")), Ref("exchange", ("/", "warren/to"))
    to_queue = Ref(
        "binding", (*exchange.key, "queue", "warren/q", "a/b", '{"x":[1,"b"],"y":{"z":true}}')
    )
    to_other = Ref("binding", (*exchange.key, "exchange", "warren/to", "#", "{}"))
    specs = {
        exchange: {"type": "topic", "durable": True, "auto_delete": False, "internal": False, "arguments": {"alternate-exchange": "warren/to"}},
        other: {"type": "fanout", "durable": True, "auto_delete": False, "internal": True, "arguments": {}},
        queue: {"durable": True, "auto_delete": False, "arguments": {"x-max-length": 5, "x-queue-type": "classic"}},
        to_queue: {},
        to_other: {},
    }  # fmt: skip
    direct = [(one.kind, one.key, spec) for one, spec in specs.items()]
    try:
        change = engine.do(*direct)
        assert change.state == "done", list(change.steps.values("state", "error_detail"))
        assert gate.writes == []
        with connect(engine.broker) as client:
            there = BrokerObjects(client.http)
            for kind, key, spec in direct:
                assert there.read(kind, key) == spec
        gone = engine.do(*((kind, key, None) for kind, key, _ in reversed(direct)), observed=specs)
        assert gone.state == "done", list(gone.steps.values("state", "error_detail"))
        assert gate.writes == []
        for name in ("queues", "exchanges"):
            found = {row["name"] for row in live_broker.call("GET", name, "/")}
            assert not found & {"warren/q", "warren/e", "warren/to"}
    finally:
        live_broker.forget("queues", "/", "warren/q")
        for name in ("warren/e", "warren/to"):
            live_broker.forget("exchanges", "/", name)


def test_amqp_refuses_what_the_user_may_not(behind, engine, live_broker, poll_now, user, seen):
    live_broker.call("PUT", "users", user, body={"password": "x", "tags": "monitoring"})
    live_broker.call("PUT", "permissions", "/", user, body={**ALL, "configure": "^$"})
    poll_now(engine.broker)
    behind(as_nginx_does)
    Broker.objects.filter(pk=engine.broker.pk).update(
        username=user, password_encrypted=encrypt(Secret("x"))
    )
    change = engine.do(("queue", ["/", "warren-q"], {"durable": True, "auto_delete": False, "arguments": {}}))  # fmt: skip
    assert ended(change) == ("rejected", "rejected", "access_refused")
    assert "access to queue 'warren-q' in vhost '/' refused" in change.steps.get().error_detail
    assert seen("queues", "/", "warren-q") is None


@pytest.mark.parametrize("by", ["http", "client"])
def test_a_binding_is_deleted_by_amqp_with_its_own_arguments_only(
    by, behind, engine, live_broker, poll_now, scratch_vhost
):
    scratch_vhost.declare("q")
    address = ("bindings", scratch_vhost.name, "e", "amq.headers", "q", "q")
    for value in (1, 2):
        arguments = {"x-match": "all", "n": value}
        if by == "http":
            body = {"routing_key": "", "arguments": arguments}
            live_broker.call("POST", *address, body=body)
        else:
            scratch_vhost.channel.queue_bind("q", "amq.headers", "", arguments)
    poll_now(engine.broker)
    behind(str, only_reads=True)
    key = (scratch_vhost.name, "amq.headers", "queue", "q", "", '{"n":1,"x-match":"all"}')
    change = engine.do(("binding", key, None), observed={Ref("binding", key): {}})
    assert change.state == "done", change.steps.get().error_detail
    left = [row["arguments"]["n"] for row in live_broker.call("GET", *address)]
    assert left == [2]


def test_what_pika_can_not_send_stays_refused(behind, engine, poll_now, scratch_vhost):
    scratch_vhost.declare("q")
    poll_now(engine.broker)
    behind(str, only_reads=True)
    key = (scratch_vhost.name, "amq.headers", "queue", "q", "", '{"n":2.5}')
    assert ended(engine.do(("binding", key, {})))[:2] == ("rejected", "rejected")
