"""Every verdict against what a real broker does: a user is made, the act is tried over AMQP or HTTP,
and the broker's refusal, or the lack of one, is compared with what we say."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pika
import pytest
from pika.exceptions import (
    AMQPConnectionError,
    ChannelClosedByBroker,
    ConnectionClosedByBroker,
)

from accessctl.explain import (
    Act,
    ExchangeFacts,
    Facts,
    PermissionFacts,
    Question,
    TopicFacts,
    UserFacts,
    VhostFacts,
    explain,
)

ALL = (".*", ".*", ".*")
NOTHING = ("", "^$", "")
EVERYTHING_KNOWN = frozenset(
    {"users", "vhosts", "permissions", "topic_permissions", "exchanges", "queues"}
)
NOT_FOUND = 404
#: Refusals that are about rights and limits; NOT_FOUND is about there being no such thing.
REFUSED = {403, 406, 530, 541}


@dataclass(frozen=True)
class Case:
    """`rights`: configure, write, read; None: no permission at all. `allowed` is what people expect:
    the broker and the verdict must both agree with it."""

    name: str
    act: Act
    rights: tuple[str, str, str] | None
    allowed: bool
    target: str = ""
    source: str = ""
    routing_key: str | None = None
    topics: dict[str, tuple[str, str]] = field(default_factory=dict)
    tags: str = ""
    dead_letter_exchange: str | None = None
    alternate_exchange: str | None = None
    user_limits: dict[str, int] = field(default_factory=dict)
    vhost_limits: dict[str, int] = field(default_factory=dict)
    vhost: str = ""
    username: str = ""
    #: What the newest brokers do otherwise, from this version on.
    changed_in: tuple[int, ...] | None = None


C, W, R = "configure", "write", "read"


def only(right: str, pattern: str) -> tuple[str, str, str]:
    """One pattern, and nothing for the other two rights."""
    return tuple(pattern if each == right else "^$" for each in (C, W, R))  # type: ignore[return-value]


def all_but(right: str) -> tuple[str, str, str]:
    return tuple("^$" if each == right else ".*" for each in (C, W, R))  # type: ignore[return-value]


def pair(act: Act, right: str, target: str, pattern: str, **more: Any) -> list[Case]:
    """Allowed by just this right on just this name; denied with every right but it."""
    return [
        Case(f"{act} with {right}", act, only(right, pattern), True, target, **more),
        Case(f"{act} without {right}", act, all_but(right), False, target, **more),
    ]


CASES: list[Case] = [
    Case("connect with a permission of nothing", Act.OPEN_VHOST, NOTHING, True),
    Case("connect Without a permission", Act.OPEN_VHOST, None, False),
    Case("connect as administrator without one", Act.OPEN_VHOST, None, False, tags="administrator"),
    Case("connect to no vhost", Act.OPEN_VHOST, ALL, False, vhost="there-is-none"),
    Case("connect, user limit 0", Act.OPEN_VHOST, ALL, False, user_limits={"max-connections": 0}),
    Case("connect, user limit 5", Act.OPEN_VHOST, ALL, True, user_limits={"max-connections": 5}),
    Case("connect, vhost limit 0", Act.OPEN_VHOST, ALL, False, vhost_limits={"max-connections": 0}),
    Case("connect, vhost limit 5", Act.OPEN_VHOST, ALL, True, vhost_limits={"max-connections": 5}),
    Case("connect, no channels", Act.OPEN_VHOST, ALL, True, user_limits={"max-channels": 0}),
    Case("get, no channels", Act.GET, ALL, False, "work", user_limits={"max-channels": 0}),
    Case("get, no limit", Act.GET, ALL, True, "work", user_limits={"max-channels": -1}),
    *pair(Act.PUBLISH, W, "events", "^events$"),
    *pair(Act.PUBLISH, W, "", r"^amq\.default$", routing_key="work"),
    Case("publish to the default exchange by its empty name", Act.PUBLISH, only(W, "^.{0}$"), False),
    Case("publish to an internal exchange", Act.PUBLISH, ALL, False, "inner"),
    Case("publish to none", Act.PUBLISH, ALL, True, "nowhere"),
    Case("publish to none without write", Act.PUBLISH, all_but(W), False, "nowhere"),
    *pair(Act.CONSUME, R, "work", "^work$"),
    *pair(Act.GET, R, "work", "^work$"),
    *pair(Act.PURGE, R, "work", "^work$"),
    Case("get from none", Act.GET, only(R, "^no-"), True, "no-queue"),
    *pair(Act.DECLARE_QUEUE, C, "new", "^new$"),
    *pair(Act.DELETE_QUEUE, C, "work", "^work$"),
    *pair(Act.DECLARE_QUEUE, C, "work", "^work$"),
    Case("declare a server-named queue", Act.DECLARE_QUEUE, only(C, r"^amq\.gen.*"), True),
    Case("declare a server-named queue, denied", Act.DECLARE_QUEUE, only(C, "^q"), False),
    Case("declare a reserved name", Act.DECLARE_QUEUE, ALL, False, "amq.mine"),
    Case(
        "declare with a dead letter exchange",
        Act.DECLARE_QUEUE, ("^new$", "^dead$", "^new$"), True, "new", dead_letter_exchange="dead",
    ),
    Case(
        "declare with a dead letter exchange without write on it",
        Act.DECLARE_QUEUE, (".*", "^new$", ".*"), False, "new", dead_letter_exchange="dead",
    ),
    Case(
        "declare with a dead letter exchange without read on the queue",
        Act.DECLARE_QUEUE, (".*", ".*", "^dead$"), False, "new", dead_letter_exchange="dead",
    ),
    Case(
        "declare with the default dead letter exchange",
        Act.DECLARE_QUEUE, (".*", "^amq.default$", ".*"), True, "new", dead_letter_exchange="",
    ),
    Case(
        "declare with the default dead letter exchange, denied",
        Act.DECLARE_QUEUE, (".*", "^new$", ".*"), False, "new", dead_letter_exchange="",
    ),
    Case("declare, no queues", Act.DECLARE_QUEUE, ALL, False, "new", vhost_limits={"max-queues": 0}),
    Case("declare, full", Act.DECLARE_QUEUE, ALL, False, "new", vhost_limits={"max-queues": 2}),
    Case("declare, room", Act.DECLARE_QUEUE, ALL, True, "new", vhost_limits={"max-queues": 3}),
    Case(
        "declare again, full", Act.DECLARE_QUEUE, ALL, True, "work", vhost_limits={"max-queues": 2}
    ),
    *pair(Act.DECLARE_EXCHANGE, C, "new", "^new$"),
    *pair(Act.DELETE_EXCHANGE, C, "events", "^events$"),
    Case("declare the default exchange", Act.DECLARE_EXCHANGE, ALL, False),
    Case("declare a reserved exchange", Act.DECLARE_EXCHANGE, ALL, False, "amq.mine"),
    Case("declare a built-in exchange again", Act.DECLARE_EXCHANGE, ALL, True, "amq.direct"),
    Case("delete a built-in exchange", Act.DELETE_EXCHANGE, ALL, False, "amq.direct"),
    Case("delete the default exchange", Act.DELETE_EXCHANGE, ALL, False),
    Case(
        "declare with an alternate exchange",
        Act.DECLARE_EXCHANGE, ("^new$", "^dead$", "^new$"), True, "new", alternate_exchange="dead",
    ),
    Case(
        "declare with an alternate exchange without write on it",
        Act.DECLARE_EXCHANGE, (".*", "^new$", ".*"), False, "new", alternate_exchange="dead",
    ),
    Case(
        "declare with an alternate exchange without read",
        Act.DECLARE_EXCHANGE, (".*", ".*", "^dead$"), False, "new", alternate_exchange="dead",
    ),
    *[
        case
        for act in (Act.BIND_QUEUE, Act.UNBIND_QUEUE)
        for case in (
            Case(f"{act}", act, ("^$", "^work$", "^events$"), True, "work", "events", "k"),
            Case(f"{act}, no write", act, (".*", "^events$", ".*"), False, "work", "events", "k"),
            Case(f"{act}, no read", act, (".*", ".*", "^work$"), False, "work", "events", "k"),
            Case(f"{act}, default", act, ALL, False, "work", "", "k"),
        )
    ],
    *[
        case
        for act in (Act.BIND_EXCHANGE, Act.UNBIND_EXCHANGE)
        for case in (
            Case(f"{act}", act, ("^$", "^dead$", "^events$"), True, "dead", "events", "k"),
            Case(f"{act}, no write", act, (".*", "^events$", ".*"), False, "dead", "events", "k"),
            Case(f"{act}, no read", act, (".*", ".*", "^dead$"), False, "dead", "events", "k"),
            Case(f"{act}, to default", act, ALL, False, "", "events", "k"),
        )
    ],
    Case("find a queue", Act.FIND_QUEUE, NOTHING, True, "work", changed_in=(4, 1)),
    Case("find a queue with read", Act.FIND_QUEUE, only(R, "^work$"), True, "work"),
    Case("find a queue with configure", Act.FIND_QUEUE, only(C, "^work$"), True, "work"),
    Case("find an exchange", Act.FIND_EXCHANGE, NOTHING, True, "events", changed_in=(4, 1)),
    Case("find an exchange with write", Act.FIND_EXCHANGE, only(W, "^events$"), True, "events"),
    Case("find the default exchange", Act.FIND_EXCHANGE, ALL, False),
    Case("topic without a topic permission", Act.PUBLISH, ALL, True, "topic", "", "a.b"),
    Case(
        "topic publish", Act.PUBLISH, ALL, True, "topic", "", "eu.a", {"topic": (r"^eu\.", "^$")}
    ),
    Case(
        "topic publish, denied", Act.PUBLISH, ALL, False, "topic", "", "us.a",
        {"topic": (r"^eu\.", ".*")},
    ),
    Case("topic publish, empty", Act.PUBLISH, ALL, False, "topic", "", "", {"topic": ("a", ".*")}),
    Case("topic publish, all", Act.PUBLISH, ALL, True, "topic", "", None, {"topic": (".*", "^$")}),
    Case("topic of another exchange", Act.PUBLISH, ALL, True, "topic", "", "x", {"other": ("^$", "^$")}),
    Case("topic rights elsewhere", Act.PUBLISH, ALL, True, "events", "", "x", {"events": ("^$", "^$")}),
    Case(
        "built-in topic exchange", Act.PUBLISH, ALL, False, "amq.topic", "", "x",
        {"amq.topic": ("^$", ".*")},
    ),
    Case(
        "topic bind", Act.BIND_QUEUE, ALL, True, "work", "topic", "eu.a", {"topic": ("^$", "^eu")}
    ),
    Case(
        "topic bind, denied", Act.BIND_QUEUE, ALL, False, "work", "topic", "us.a",
        {"topic": (".*", "^eu")},
    ),
    Case(
        "topic unbind, denied", Act.UNBIND_QUEUE, ALL, False, "work", "topic", "us.a",
        {"topic": (".*", "^eu")},
    ),
    Case(
        "topic with the username", Act.PUBLISH, ALL, True, "topic", "", "ann.x",
        {"topic": (r"^{username}\.", "^$")}, username="ann",
    ),
    Case(
        "topic with another user's name", Act.PUBLISH, ALL, False, "topic", "", "bob.x",
        {"topic": (r"^{username}\.", "^$")}, username="ann",
    ),
    Case(
        "client_id is no variable in AMQP 0-9-1", Act.PUBLISH, ALL, True, "topic", "",
        "{client_id}", {"topic": ("^{client_id}$", "^$")},
    ),
    # Written into the pattern as it is before 4.3, as plain text from then on.
    Case(
        "topic with special characters in the name", Act.PUBLISH, ALL, True, "topic", "", "anyone",
        {"topic": ("^{username}$", "^$")}, username="a.*", changed_in=(4, 3),
    ),
    Case("an unanchored pattern", Act.GET, only(R, "or"), True, "work"),
    Case("a pattern of bytes", Act.DECLARE_QUEUE, only(C, "^..$"), True, "ü"),
    Case("a pattern of Latin-1 letters", Act.DECLARE_QUEUE, only(C, r"^\w+$"), False, "ü"),
    Case("a class of PCRE's", Act.GET, only(R, "^[[:alpha:]]+$"), True, "work"),
    Case("management with the tag", Act.USE_MANAGEMENT, NOTHING, True, tags="management"),
    Case("management without a tag", Act.USE_MANAGEMENT, ALL, False),
    Case("management with another tag", Act.USE_MANAGEMENT, ALL, False, tags="impersonator"),
    Case("management Without a permission", Act.USE_MANAGEMENT, None, False, tags="management"),
    Case("policymaker without one", Act.USE_MANAGEMENT, None, False, tags="policymaker"),
    Case("monitoring Without a permission", Act.USE_MANAGEMENT, None, False, tags="monitoring"),
    Case("administrator without one", Act.USE_MANAGEMENT, None, True, tags="administrator"),
    Case("policies as policymaker", Act.SET_POLICY, NOTHING, True, tags="policymaker"),
    Case("policies as policymaker elsewhere", Act.SET_POLICY, None, False, tags="policymaker"),
    Case("policies as monitoring", Act.SET_POLICY, ALL, False, tags="monitoring"),
    Case("policies as administrator", Act.SET_POLICY, None, True, tags="administrator"),
    Case("administer as policymaker", Act.ADMINISTER, ALL, False, tags="policymaker monitoring"),
    Case("administer as administrator", Act.ADMINISTER, None, True, tags="administrator"),
]  # fmt: skip


def _urls() -> list[str]:
    named = os.environ.get("RABBITMQ_TEST_URLS", "").split()
    return named or [os.environ.get("RABBITMQ_URL", "")]


@dataclass
class Stage:
    """A vhost with two queues and five exchanges, on one broker."""

    live: Any
    vhost: str
    amqp: pika.ConnectionParameters
    version: tuple[int, ...]
    erlang: str


@pytest.fixture(scope="module", params=_urls(), ids=lambda url: url.rsplit(":", 1)[-1])
def broker(request: pytest.FixtureRequest, live_broker: Any) -> Any:
    assert request.param, "RABBITMQ_URL names no broker: run the tests by bin/test."
    return type(live_broker)(request.param)


@pytest.fixture
def stage(broker: Any) -> Iterator[Stage]:
    name = f"explain-{uuid4().hex[:8]}"
    overview = broker.call("GET", "overview")
    port = next(item["port"] for item in overview["listeners"] if item["protocol"] == "amqp")
    broker.call("PUT", "vhosts", name)
    rights = {"configure": ".*", "write": ".*", "read": ".*"}
    broker.call("PUT", "permissions", name, broker.username, body=rights)
    for queue in ("work", "other"):
        broker.call("PUT", "queues", name, queue, body={"durable": True})
    for exchange, kind in (("events", "direct"), ("dead", "fanout"), ("topic", "topic")):
        broker.call("PUT", "exchanges", name, exchange, body={"type": kind, "durable": True})
    broker.call(
        "PUT",
        "exchanges",
        name,
        "inner",
        body={"type": "fanout", "durable": True, "internal": True},
    )
    broker.call("PUT", "exchanges", name, "other", body={"type": "topic", "durable": True})
    host = broker.url.split("//")[1].rsplit(":", 1)[0]
    version = tuple(int(part) for part in overview["rabbitmq_version"].split(".")[:3])
    try:
        yield Stage(
            broker,
            name,
            pika.ConnectionParameters(host=host, port=port, virtual_host=name),
            version,
            overview["erlang_version"],
        )
    finally:
        broker.forget("vhosts", name)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_verdict_is_what_the_broker_does(stage: Stage, case: Case) -> None:
    user, password = case.username or f"explain-{uuid4().hex[:8]}", uuid4().hex
    expected = case.allowed
    if case.changed_in and stage.version >= case.changed_in:
        expected = not expected
    question = Question(
        case.act,
        user,
        case.vhost or stage.vhost,
        case.target,
        case.source,
        case.routing_key,
        case.dead_letter_exchange,
        case.alternate_exchange,
    )
    try:
        _grant(stage, case, user, password)
        verdict = explain(question, _facts(stage, question))
        done = _try(stage, question, password)
        assert (done, verdict.allowed) == (expected, expected), verdict.reasons
        assert verdict.deciding
    finally:
        stage.live.forget("users", user)


def _grant(stage: Stage, case: Case, user: str, password: str) -> None:
    call = stage.live.call
    call("PUT", "users", user, body={"password": password, "tags": case.tags.replace(" ", ",")})
    if case.rights is not None:
        rights = dict(zip((C, W, R), case.rights, strict=True))
        call("PUT", "permissions", stage.vhost, user, body=rights)
    for exchange, (write, read) in case.topics.items():
        body = {"exchange": exchange, "write": write, "read": read}
        call("PUT", "topic-permissions", stage.vhost, user, body=body)
    for name, value in case.user_limits.items():
        call("PUT", "user-limits", user, name, body={"value": value})
    for name, value in case.vhost_limits.items():
        call("PUT", "vhost-limits", stage.vhost, name, body={"value": value})


def _facts(stage: Stage, question: Question) -> Facts:
    """The truth, read straight from the broker."""
    call = stage.live.call
    user = next(u for u in call("GET", "users") if u["name"] == question.user)
    tags = user["tags"] if isinstance(user["tags"], list) else user["tags"].split(",")
    vhosts = {v["name"]: v for v in call("GET", "vhosts")}
    limits = {row["vhost"]: row["value"] for row in call("GET", "vhost-limits")}
    rights = [
        PermissionFacts(row["configure"], row["write"], row["read"])
        for row in call("GET", "permissions")
        if (row["user"], row["vhost"]) == (question.user, question.vhost)
    ]
    topics = {
        row["exchange"]: TopicFacts(row["write"], row["read"])
        for row in call("GET", "topic-permissions")
        if (row["user"], row["vhost"]) == (question.user, question.vhost)
    }
    here = vhosts.get(question.vhost)
    exchanges = call("GET", "exchanges", question.vhost) if here else []
    queues = call("GET", "queues", question.vhost) if here else []
    return Facts(
        known=EVERYTHING_KNOWN,
        rabbitmq_version=".".join(map(str, stage.version)),
        erlang_version=stage.erlang,
        user=UserFacts(tuple(tags), True, user.get("limits") or {}),
        vhost=VhostFacts(limits.get(question.vhost, {}), here["cluster_state"]) if here else None,
        permission=rights[0] if rights else None,
        topics=topics,
        exchanges={row["name"]: ExchangeFacts(row["type"], row["internal"]) for row in exchanges},
        queues=frozenset(row["name"] for row in queues),
        queue_count=len(queues),
    )


def _try(stage: Stage, question: Question, password: str) -> bool:
    """Whether the broker lets the user do it."""
    if question.act in _HTTP:
        method, path, body = _HTTP[question.act](question)
        return _http(stage, question.user, password, method, path, body)
    parameters = pika.ConnectionParameters(
        host=stage.amqp.host,
        port=stage.amqp.port,
        virtual_host=question.vhost,
        credentials=pika.PlainCredentials(question.user, password),
        connection_attempts=1,
    )
    connection = None
    try:
        connection = pika.BlockingConnection(parameters)
        if question.act != Act.OPEN_VHOST:
            channel = connection.channel()
            _AMQP[question.act](channel, question)
    except ChannelClosedByBroker as error:
        assert error.reply_code in REFUSED | {NOT_FOUND}, error  # noqa: PT017
        return error.reply_code not in REFUSED
    except ConnectionClosedByBroker as error:
        assert error.reply_code in REFUSED, error  # noqa: PT017
        return False
    except AMQPConnectionError:
        return False
    finally:
        if connection is not None and connection.is_open:
            connection.close()
    return True


def _publish(channel: Any, question: Question) -> None:
    channel.confirm_delivery()
    channel.basic_publish(
        question.target, "any" if question.routing_key is None else question.routing_key, b"tried"
    )


def _arguments(question: Question) -> dict[str, str]:
    given = {
        "x-dead-letter-exchange": question.dead_letter_exchange,
        "alternate-exchange": question.alternate_exchange,
    }
    return {key: value for key, value in given.items() if value is not None}


def _declare_exchange(channel: Any, question: Question) -> None:
    channel.exchange_declare(
        question.target, "direct", durable=True, arguments=_arguments(question)
    )


_AMQP: dict[Act, Callable[[Any, Question], Any]] = {
    Act.PUBLISH: _publish,
    Act.CONSUME: lambda channel, q: channel.basic_consume(q.target, lambda *_: None),
    Act.GET: lambda channel, q: channel.basic_get(q.target),
    Act.PURGE: lambda channel, q: channel.queue_purge(q.target),
    Act.DECLARE_QUEUE: lambda channel, q: channel.queue_declare(
        q.target, durable=True, arguments=_arguments(q)
    ),
    Act.DELETE_QUEUE: lambda channel, q: channel.queue_delete(q.target),
    Act.FIND_QUEUE: lambda channel, q: channel.queue_declare(q.target, passive=True),
    Act.BIND_QUEUE: lambda channel, q: channel.queue_bind(q.target, q.source, q.routing_key),
    Act.UNBIND_QUEUE: lambda channel, q: channel.queue_unbind(q.target, q.source, q.routing_key),
    Act.DECLARE_EXCHANGE: _declare_exchange,
    Act.DELETE_EXCHANGE: lambda channel, q: channel.exchange_delete(q.target),
    Act.FIND_EXCHANGE: lambda channel, q: channel.exchange_declare(q.target, passive=True),
    Act.BIND_EXCHANGE: lambda channel, q: channel.exchange_bind(q.target, q.source, q.routing_key),
    Act.UNBIND_EXCHANGE: lambda channel, q: channel.exchange_unbind(
        q.target, q.source, q.routing_key
    ),
}
_POLICY = {"pattern": "^x$", "definition": {"max-length": 5}, "apply-to": "queues"}
_HTTP: dict[Act, Callable[[Question], tuple[str, str, object]]] = {
    Act.USE_MANAGEMENT: lambda q: ("GET", f"queues/{quote(q.vhost, safe='')}", None),
    Act.SET_POLICY: lambda q: ("PUT", f"policies/{quote(q.vhost, safe='')}/tried", _POLICY),
    Act.ADMINISTER: lambda q: ("GET", "users", None),
}


def _http(stage: Stage, user: str, password: str, method: str, path: str, body: object) -> bool:
    request = urllib.request.Request(  # noqa: S310 – an address of our own
        f"{stage.live.url}/api/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode(),
            "Content-Type": "application/json",
        },
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30):
            return True
    except urllib.error.HTTPError as error:
        # 4.3 hides a virtual host from who has no permission there.
        assert error.code in (401, 403, 404), error  # noqa: PT017
        return False


def test_a_runaway_pattern_denies_where_the_broker_has_a_limit(stage: Stage) -> None:
    """Where it has none nothing is tried: the broker would be busy for long."""
    queue = "a" * 60 + "!"
    question = Question(Act.GET, "ann", stage.vhost, queue)
    facts = Facts(
        known=EVERYTHING_KNOWN,
        rabbitmq_version=".".join(map(str, stage.version)),
        erlang_version=stage.erlang,
        user=UserFacts(),
        vhost=VhostFacts(),
        permission=PermissionFacts("", "", "^(a+)+$"),
        queues=frozenset({queue}),
    )
    if stage.version < (4, 2, 6):
        assert explain(question, facts).allowed is None
        return
    assert explain(question, facts).allowed is False
    stage.live.call("PUT", "queues", stage.vhost, queue, body={"durable": True})
    case = replace(CASES[0], rights=("", "", "^(a+)+$"))
    try:
        _grant(stage, case, "ann", "secret")
        assert _try(stage, question, "secret") is False
    finally:
        stage.live.forget("users", "ann")
