"""The contract of the management client, on every live broker at hand."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from console.kinds.operator_policy import OPERATOR_POLICY
from console.kinds.policy import POLICY
from console.kinds.topic_permission import TOPIC_PERMISSION
from console.rabbitmq.amqp.messages import publish
from console.rabbitmq.endpoint import Credentials, Secret
from console.rabbitmq.errors import (
    AccessRefused,
    LoginRefused,
    NotFound,
    UnaddressableName,
)
from console.rabbitmq.http.refusals import error_for_status
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.management.objects import ObjectStore
from console.rabbitmq.management.paths import path, queue_path
from tests.adapter.conftest import LiveBroker

T = TypeVar("T")

#: Names of the catalogue in reference/reliability.md §5 N that a broker takes.
ODD_NAMES = [
    "a/b",
    "%2F",
    "%252F",
    "a" * 255,
    "é" * 127,
    "😀" * 63,
    " ",
    " leading and trailing ",
    "caf\u00e9",
    "cafe\u0301",
    "exe\u202egnp.evil",
    "\u2066isolated\u2069",
    "zero\u200bwidth",
    "<img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "</script>",
    "{{7*7}}",
    "javascript:alert(1)",
    "=1+1",
    "@SUM(A1)",
    "-2",
    "+",
    "a b",
    "a+b",
    "a%2Bb",
    "?x=1",
    "#frag",
    ";p=1",
    "&",
    "\\",
    "'; drop table queues --",
    "null",
    "undefined",
    "None",
    "true",
    "0",
    "NaN",
    "new",
    "api",
    "contents",
    "get",
    "bindings",
    "name@vhost",
    "...",
    ".hidden",
    "~",
]


def eventually(ask: Callable[[], T], until: Callable[[T], bool], seconds: float = 20) -> T:
    """The first answer that is as expected, or the last one: statistics come every 5 s."""
    ends = time.monotonic() + seconds
    while True:
        answer = ask()
        if until(answer) or time.monotonic() > ends:
            return answer
        time.sleep(0.25)


@pytest.fixture(scope="module")
def client(broker: LiveBroker) -> Iterator[ManagementClient]:
    with broker.client() as client:
        yield client


@pytest.fixture
def user(broker: LiveBroker) -> Iterator[str]:
    name = f"adapter-{secrets.token_hex(4)}"
    broker.put(path("users", name), {"password": "x", "tags": ""})
    yield name
    broker.delete(path("users", name))


def test_vitals_are_read(client: ManagementClient, broker: LiveBroker) -> None:
    overview = client.overview()
    assert overview.rabbitmq_version.startswith(f"{broker.version[0]}.{broker.version[1]}.")
    assert overview.stats_enabled
    assert overview.exchanges is not None
    assert overview.exchanges >= 7
    assert {"direct", "fanout", "topic", "headers"} <= set(overview.exchange_types)
    assert broker.amqp.port in [item.port for item in overview.listeners if item.protocol == "amqp"]
    assert overview.node
    nodes = client.nodes()
    assert overview.node in [node.name for node in nodes.items if node.running]
    assert nodes.rejected == []
    this = next(node for node in nodes.items if node.name == overview.node)
    assert this.mem_used
    assert this.mem_limit
    assert this.mem_alarm is False
    assert "rabbitmq_management" in this.enabled_plugins
    assert client.alarms() == []


def test_who_we_are_is_read(client: ManagementClient, broker: LiveBroker) -> None:
    whoami = client.whoami()
    assert whoami.name == broker.endpoint.credentials.username
    assert "administrator" in whoami.tags


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_odd_name_survives_the_way_there_and_back(
    client: ManagementClient, broker: LiveBroker, name: str
) -> None:
    broker.put(queue_path(broker.vhost, name), {"durable": True})
    assert client.queue_now(broker.vhost, name).info.name == name
    bindings = client.queue_bindings(broker.vhost, name).items
    assert [binding.destination for binding in bindings] == [name]
    broker.delete(queue_path(broker.vhost, name))
    with pytest.raises(NotFound):
        client.queue_now(broker.vhost, name)


def test_all_odd_names_are_listed_as_they_are(client: ManagementClient, broker: LiveBroker) -> None:
    for name in ODD_NAMES:
        broker.put(queue_path(broker.vhost, name), {"durable": True})
    expected = set(ODD_NAMES)
    for listing in (client.queues(), client.depths()):
        listed = [item.name for item in listing.items if item.vhost == broker.vhost]
        assert expected <= set(listed)
        assert len(listed) == len(set(listed))
    for name in ODD_NAMES:
        broker.delete(queue_path(broker.vhost, name))


def test_vhosts_with_odd_names_are_read(client: ManagementClient, broker: LiveBroker) -> None:
    for name in (f"{broker.vhost}/a b", f"{broker.vhost}%2F<b>", f"{broker.vhost}é"):
        broker.put(path("vhosts", name), {"description": "ours", "tags": "one,two"})
        try:
            found = next(item for item in client.vhosts().items if item.name == name)
            assert (found.description, found.tags) == ("ours", ("one", "two"))
            assert set(found.cluster_state.values()) == {"running"}
            broker.put(queue_path(name, "q"), {"durable": True})
            assert client.queue_now(name, "q").info.vhost == name
        finally:
            broker.delete(path("vhosts", name))


def test_depths_follow_messages(client: ManagementClient, broker: LiveBroker) -> None:
    name = broker.declare("depths")
    for _ in range(3):
        assert publish(broker.amqp, exchange="", routing_key=name, body=b"x")

    def depth() -> int | None:
        return next(item.total for item in client.depths().items if item.name == name)

    assert eventually(depth, lambda total: total == 3) == 3
    now = eventually(
        lambda: client.queue_now(broker.vhost, name),
        lambda now: (
            now.depth.ready == 3 and now.consumers is not None and now.depth.consumers is not None
        ),
    )
    assert (now.depth.ready, now.depth.unacked, now.depth.total) == (3, 0, 3)
    assert now.consumers == ()
    assert now.depth.consumers == 0


def test_queue_kinds_arguments_and_policies_are_read(
    client: ManagementClient, broker: LiveBroker
) -> None:
    arguments = {"x-max-length": 7, "x-dead-letter-exchange": "dlx"}
    broker.declare("kind-classic", **arguments)
    broker.declare("kind-quorum", **{"x-queue-type": "quorum"})
    broker.declare("kind-stream", **{"x-queue-type": "stream"})
    policy = {"pattern": "^kind-", "definition": {"max-length-bytes": 1000}, "priority": 3}
    broker.put(path("policies", broker.vhost, "p/1"), {**policy, "apply-to": "queues"})
    operator = {"pattern": "^kind-", "definition": {"max-length": 9}, "apply-to": "queues"}
    broker.put(path("operator-policies", broker.vhost, "op"), operator)

    listed = {item.name: item for item in client.queues().items if item.vhost == broker.vhost}
    kinds = {name: listed[name].type for name in listed if name.startswith("kind-")}
    assert kinds == {"kind-classic": "classic", "kind-quorum": "quorum", "kind-stream": "stream"}
    classic = listed["kind-classic"]
    assert {key: classic.arguments[key] for key in arguments} == arguments
    assert (classic.durable, classic.auto_delete, classic.state) == (True, False, "running")
    assert listed["kind-quorum"].node in listed["kind-quorum"].members, "its leader"
    quorum = client.queue_now(broker.vhost, "kind-quorum").info
    assert (quorum.node, quorum.members) == (
        listed["kind-quorum"].node,
        listed["kind-quorum"].members,
    )

    store = ObjectStore(client.http)
    found = store.read_all(POLICY.wire)[broker.vhost, "p/1"]
    assert (found["priority"], found["apply_to"]) == (3, "queues")
    assert found["definition"] == {"max-length-bytes": 1000}
    found = store.read_all(OPERATOR_POLICY.wire)[broker.vhost, "op"]
    assert found["definition"] == {"max-length": 9}

    now = eventually(
        lambda: client.queue_now(broker.vhost, "kind-classic"),
        lambda now: bool(now.effective_policy),
    )
    assert now.effective_policy == {"max-length-bytes": 1000, "max-length": 9}
    assert (now.info.policy, now.info.operator_policy) == ("p/1", "op")


def test_a_queue_just_declared_has_unknown_or_zero_depth_never_an_error(
    client: ManagementClient, broker: LiveBroker
) -> None:
    name = broker.declare(f"fresh-{secrets.token_hex(3)}")
    assert client.queue_now(broker.vhost, name).depth.total in (None, 0)


def test_bindings_of_a_queue_are_read(client: ManagementClient, broker: LiveBroker) -> None:
    name = broker.declare("bound/queue")
    broker.put(path("exchanges", broker.vhost, "ex/1"), {"type": "headers"})
    route = path("bindings", broker.vhost, "e", "ex/1", "q", name)
    body = {"routing_key": "a.# key", "arguments": {"x-match": "all", "kind": "pdf"}}
    assert broker.send("POST", route, body).ok
    by_source = {item.source: item for item in client.queue_bindings(broker.vhost, name).items}
    assert set(by_source) == {"", "ex/1"}
    found = by_source["ex/1"]
    assert (found.routing_key, found.destination_type) == ("a.# key", "queue")
    assert found.arguments == {"x-match": "all", "kind": "pdf"}
    assert found.properties_key


def test_users_permissions_and_limits_are_read(
    client: ManagementClient, broker: LiveBroker, user: str
) -> None:
    broker.put(path("users", user), {"password_hash": "", "tags": "monitoring,policymaker"})
    rights = {"configure": "^mine-", "write": "", "read": ".*"}
    broker.put(path("permissions", broker.vhost, user), rights)
    topic = {"exchange": "amq.topic", "write": "^a", "read": "^b"}
    broker.put(path("topic-permissions", broker.vhost, user), topic)
    broker.put(path("user-limits", user, "max-channels"), {"value": 5})
    broker.put(path("vhost-limits", broker.vhost, "max-queues"), {"value": 5000})

    found = next(item for item in client.users().items if item.name == user)
    assert set(found.tags) == {"monitoring", "policymaker"}
    assert found.has_password is False
    assert found.limits == {"max-channels": 5}
    permission = next(item for item in client.permissions().items if item.user == user)
    assert (permission.vhost, permission.configure) == (broker.vhost, "^mine-")
    assert (permission.write, permission.read) == ("", ".*")
    topical = ObjectStore(client.http).read_all(TOPIC_PERMISSION.wire)
    assert topical[broker.vhost, user, "amq.topic"] == {"write": "^a", "read": "^b"}
    limits = next(item for item in client.vhost_limits().items if item.vhost == broker.vhost)
    assert limits.limits == {"max-queues": 5000}
    ours = next(item for item in client.users().items if item.name == client.whoami().name)
    assert ours.has_password is True


def test_a_wrong_password_and_missing_rights_are_told_apart(broker: LiveBroker, user: str) -> None:
    with ManagementClient(broker.as_user(user, "wrong")) as client, pytest.raises(LoginRefused):
        client.whoami()
    nobody = broker.as_user("nobody-at-all", "x")
    with ManagementClient(nobody) as client, pytest.raises(LoginRefused):
        client.whoami()
    with ManagementClient(broker.as_user(user, "x")) as client, pytest.raises(AccessRefused):
        client.whoami()
    broker.put(path("users", user), {"password": "x", "tags": "management"})
    with ManagementClient(broker.as_user(user, "x")) as client:
        assert client.whoami().tags == ("management",)
        for read in (client.users, client.permissions, client.nodes):
            with pytest.raises(AccessRefused):
                read()


def test_a_reserved_name_is_refused_access_not_log_in(broker: LiveBroker) -> None:
    answer = broker.send("PUT", queue_path(broker.vhost, "amq.reserved"), {})
    assert isinstance(error_for_status(answer.status, answer.body), AccessRefused)


def test_what_is_not_there_is_not_found(client: ManagementClient, broker: LiveBroker) -> None:
    with pytest.raises(NotFound):
        client.queue_now(broker.vhost, "nope")
    with pytest.raises(NotFound):
        client.queue_now("no such vhost", "nope")


def test_bindings_do_not_tell_whether_their_queue_exists(
    client: ManagementClient, broker: LiveBroker
) -> None:
    implied = client.queue_bindings(broker.vhost, "nope").items
    assert {binding.source for binding in implied} <= {""}


@pytest.mark.parametrize("name", ["", ".", "..", "a\nb", "a\0b", "a" * 256])
def test_an_unaddressable_name_reaches_no_broker(client: ManagementClient, name: str) -> None:
    with pytest.raises(UnaddressableName):
        client.queue_now("/", name)


def test_a_name_that_is_not_utf8_hides_no_other_queue(
    client: ManagementClient, broker: LiveBroker
) -> None:
    good = {broker.declare(f"beside-{number}") for number in range(30)}
    raw = path("queues", broker.vhost) + "/%ff%fe"
    broker.put(raw, {"durable": True})
    try:
        for listing in (client.queues(), client.depths()):
            assert good <= {item.name for item in listing.items if item.vhost == broker.vhost}
            if broker.version >= (4, 0):
                assert [row.reason for row in listing.rejected if "UTF-8" in row.reason]
    finally:
        broker.delete(raw)
    assert client.queues().rejected == []


def test_many_queues_are_read_each_once(client: ManagementClient, broker: LiveBroker) -> None:
    names = {f"many-{number:04}" for number in range(620)}
    definitions = {
        "queues": [
            {"name": name, "durable": True, "auto_delete": False, "arguments": {}}
            for name in sorted(names)
        ]
    }
    answer = broker.send("POST", path("definitions", broker.vhost), definitions)
    assert answer.ok, answer.body
    listing = client.queues()
    listed = [item.name for item in listing.items if item.vhost == broker.vhost]
    assert names <= set(listed)
    assert len(listed) == len(set(listed))
    assert {item.name for item in client.depths().items} >= names
    raw = path("queues", broker.vhost) + "/%ff%fe%fd"
    broker.put(raw, {"durable": True})
    try:
        # Healed page by page on 4.x, where the vhost cannot be listed at once.
        assert {item.name for item in client.queues().items} >= names
    finally:
        broker.delete(raw)


def test_a_password_may_hold_any_character(broker: LiveBroker, user: str) -> None:
    password = " pä:ss\U0001f600wörd "
    broker.put(path("users", user), {"password": password, "tags": "management"})
    credentials = Credentials(user, Secret(password))
    with broker.client(credentials=credentials) as client:
        assert client.whoami().name == user


def test_exchanges_are_listed_as_declared(broker: LiveBroker, client: ManagementClient) -> None:
    arguments = {"alternate-exchange": "amq.fanout"}
    body = {"type": "topic", "durable": True, "internal": True, "arguments": arguments}
    broker.put(path("exchanges", broker.vhost, "ex/<b>%2F"), body)
    listing = client.exchanges()
    assert listing.complete
    mine = {item.name: item for item in listing.items if item.vhost == broker.vhost}
    found = mine["ex/<b>%2F"]
    assert (found.type, found.durable, found.auto_delete) == ("topic", True, False)
    assert (found.internal, found.arguments, found.policy) == (True, arguments, None)
    assert mine[""].type == "direct"


def test_a_default_password_is_told_without_its_hash(
    broker: LiveBroker, client: ManagementClient
) -> None:
    users = {user.name: user for user in client.users().items}
    there = "guest" in users
    if not there:
        broker.put(path("users", "guest"), {"password": "guest", "tags": ""})
    try:
        users = {user.name: user for user in client.users().items}
        assert users.pop("guest").has_default_password is True
    finally:
        if not there:
            broker.delete(path("users", "guest"))
    assert {user.has_default_password for user in users.values()} <= {None}
