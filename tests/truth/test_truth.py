"""What the console would refuse is what RabbitMQ 3.10.8, 4.0.5 and 4.3.6 refused: see README.md."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from accessctl.patterns.check import Dialect, why_not_pattern
from console.kinds.common.kind import Op, Ref, SpecError
from console.kinds.common.names import check_name
from console.kinds.common.policies import spec_of_row
from console.kinds.exchange import PREDECLARED
from console.kinds.refusals.redeclare import inequivalent
from console.kinds.refusals.versions import BrokerFacts, version_of
from console.kinds.registry import KINDS
from console.reconcile.diff import compare
from console.reconcile.judge import faults_of

HERE = Path(__file__).parent
VERSIONS = ("3.10.8", "4.0.5", "4.3.6")
#: Of the recorded nodes; 4.3 has one more without a plugin.
EXCHANGE_TYPES = {
    "3.10.8": {"direct", "fanout", "headers", "topic", "x-federation-upstream"},
    "4.0.5": {"direct", "fanout", "headers", "topic", "x-federation-upstream", "x-local-random"},
    "4.3.6": {
        "direct", "fanout", "headers", "topic", "x-federation-upstream", "x-local-random",
        "x-modulus-hash",
    },
}  # fmt: skip
APPLICATIONS = {
    "rabbit", "rabbitmq_management", "rabbitmq_prometheus", "rabbitmq_shovel", "rabbitmq_federation",
    "rabbitmq_stream",
}  # fmt: skip
#: PCRE 8 up to Erlang 27, PCRE2 from 28 on.
DIALECT: dict[str, Dialect] = {"3.10.8": "pcre8", "4.0.5": "pcre8", "4.3.6": "pcre2"}

_CONTROL = "The console takes no control characters in names: Postgres can't hold NUL, and RabbitMQ drops line ends."
_FLOAT = "The console takes whole numbers for priorities; RabbitMQ takes any number."
_LONG = "The console takes no pattern over 1,024 bytes, as newer brokers do."
_TOO_LONG = "The console takes no name over 255 bytes: no AMQP client can name it."
_AMQ = "An exchange that is there already, declared as it is: the console never declares names with amq."
_UNSURE = "The console leaves it to the broker: versions of the regular expression library differ."
_DEEP = "The console's own limit on nested parentheses is 250; brokers take more."
_DIALECT = "PCRE 8 takes \\8 for a character and PCRE2 for a reference; the console has only PCRE2."
_NO_OPTION = "The console's PCRE2 is older than the broker's, which has this option."


def rows(name: str) -> Iterator[tuple[dict[str, Any], str, bool, str]]:
    """(the row's input, the version, whether it accepted, the row's id)"""
    for line in (HERE / f"{name}.jsonl").read_text().splitlines():
        row = json.loads(line)
        for version in VERSIONS:
            if row[version] is not None:
                yield row["input"], version, row[version][0] in (201, 204), row["id"]


def refusal(kind: str, name: str, spec: dict[str, Any], facts: BrokerFacts) -> str:
    """Why the console would refuse it; "" where it wouldn't."""
    try:
        check_name(kind, name)
        found = [one.sentence for one in faults_of(Ref(kind, ("v", name)), spec, facts)]
    except SpecError as error:
        return str(error)
    return found[0] if found else ""


def facts_for(version: str, default_queue_type: str | None = None) -> BrokerFacts:
    return BrokerFacts(
        version=version_of(version),
        said=version,
        exchange_types=EXCHANGE_TYPES[version],
        plugins=APPLICATIONS,
        whole=True,
        other=lambda kind, key: {"default_queue_type": default_queue_type},
    )


def disagreements(found: Iterator[tuple[str, str, bool, str]]) -> list[tuple[str, str, bool, str]]:
    return [one for one in found if one[2] == bool(one[3])]


#: By id, of queues: a row of which the console says otherwise than the broker.
QUEUES = {"queue_declare-0034": _CONTROL, "queue_declare-1234": _CONTROL}


def test_queues() -> None:
    def judged() -> Iterator[tuple[str, str, bool, str]]:
        for given, version, accepted, row in rows("queue_declare"):
            if "arguments" not in given or given["exclusive"]:
                # A raw body, or a queue of one connection, which is in no definitions.
                continue
            spec = {
                # A body without the key is of a queue that isn't durable.
                "durable": bool(given["durable"]),
                "auto_delete": given["auto_delete"],
                "arguments": given["arguments"],
            }
            facts = facts_for(version, given["vhost_default_queue_type"])
            yield row, version, accepted, refusal("queue", given.get("name", "q"), spec, facts)

    wrong = disagreements(judged())
    assert [one for one in wrong if one[0] not in QUEUES] == []
    assert {one[0] for one in wrong} == set(QUEUES), "these agree now"


def test_redeclarations_of_queues() -> None:
    """AC-068: what RabbitMQ takes for the same queue, by its management API."""
    wrong, agreed = [], 0
    for line in (HERE / "redeclare.jsonl").read_text().splitlines():
        row = json.loads(line)
        first, second = row["input"]["first"], row["input"]["second"]
        if first["exclusive"] or second["exclusive"]:
            # A queue of one connection: the console declares none.
            continue
        for version in VERSIONS:
            if row[version] is None:
                # The first declaration was refused.
                continue
            same = row[version][0] in (201, 204)
            default = row["input"]["vhost_default_queue_type"]
            there, declared = (
                {
                    "durable": bool(given["durable"]),
                    "auto_delete": bool(given["auto_delete"]),
                    "arguments": given["arguments"],
                }
                for given in (first, second)
            )
            found = inequivalent(there, declared, default, facts_for(version))
            agreed += same is not bool(found)
            if same is bool(found):
                wrong.append((row["id"], version, found))
    assert wrong == []
    assert agreed > 800


#: By id, of exchanges.
EXCHANGES = {
    "exchange_declare-0051": _TOO_LONG,
    "exchange_declare-0057": _CONTROL,
    "exchange_declare-0061": _CONTROL,
    "exchange_declare-0102": _CONTROL,
    "exchange_declare-0181": _AMQ,
    "exchange_declare-0242": _TOO_LONG,
    "exchange_declare-0313": _AMQ,
}


def test_exchanges() -> None:
    def judged() -> Iterator[tuple[str, str, bool, str]]:
        for given, version, accepted, row in rows("exchange_declare"):
            if "type" not in given:
                continue
            name = given.get("name", "e")
            spec = {key: value for key, value in given.items() if key != "name"}
            yield row, version, accepted, refusal("exchange", name, spec, facts_for(version))

    wrong = disagreements(judged())
    assert [one for one in wrong if one[0] not in EXCHANGES] == []
    assert {one[0] for one in wrong} == set(EXCHANGES), "these agree now"


#: Arguments of an exchange that RabbitMQ compares when it is declared again. It keeps the others as they were.
_COMPARED = ("alternate-exchange",)


def test_exchanges_declared_again() -> None:
    """What RabbitMQ refuses to declare again with other properties, the console replaces. Other arguments it
    accepts and doesn't apply: there the console replaces too, because they would differ for good."""
    judged = 0
    for given, version, accepted, row in rows("exchange_declare"):
        if "second" not in given:
            continue
        found = compare(Ref("exchange", ("v", "e")), given["second"], given["first"])
        arguments = [given[one]["arguments"] for one in ("first", "second")]
        others = [{k: v for k, v in one.items() if k not in _COMPARED} for one in arguments]
        kept = accepted and others[0] != others[1]
        assert (found.op is Op.UNCHANGED) == (accepted and not kept), (row, version)
        assert found.op in (Op.UNCHANGED, Op.REPLACE), (row, version)
        judged += 1
    assert judged == 39


#: By id, of policies and operator policies.
POLICIES = {
    "policy-0065": _DIALECT,
    "policy-0105": _DEEP,
    "policy-0166": _UNSURE,
    "policy-0193": _UNSURE,
    "policy-0273": _UNSURE,
    "policy-0277": _FLOAT,
    "policy-0357": _FLOAT,
    "policy-0395": _CONTROL,
    "policy-0398": _LONG,
    "policy-0447": _TOO_LONG,
}


def test_policies() -> None:
    def judged() -> Iterator[tuple[str, str, bool, str]]:
        for given, version, accepted, row in rows("policy"):
            kind = "operator_policy" if given["operator"] else "policy"
            name = given.get("name", "p")
            yield row, version, accepted, _policy(kind, name, given["body"], version)

    wrong = disagreements(judged())
    assert [one for one in wrong if one[0] not in POLICIES] == []
    assert {one[0] for one in wrong} == set(POLICIES), "these agree now"


def _policy(kind: str, name: str, body: dict[str, Any], version: str) -> str:
    try:
        spec = spec_of_row(body)
        KINDS[kind].canonical(spec)
    except SpecError as error:
        return str(error)
    patterns = [spec["pattern"], spec["definition"].get("federation-upstream-pattern", "")]
    for pattern in patterns:
        if isinstance(pattern, str) and (why := why_not_pattern(pattern, DIALECT[version])):
            return why
    return refusal(kind, name, spec, facts_for(version))


def _topic_permission(exchange: str, pattern: str, version: str) -> str:
    """On a broker that has its predeclared exchanges only."""
    if exchange == "":
        return ""
    facts = BrokerFacts(version=version_of(version), said=version, whole=True)
    spec = {"write": pattern, "read": pattern}
    found = faults_of(Ref("topic_permission", ("v", "u", exchange)), spec, facts)
    return found[0].sentence if found else ""


#: By id, of patterns of permissions.
PATTERNS = {
    "permission_regex-0003": _NO_OPTION,
    "permission_regex-0044": _DEEP,
    "permission_regex-0047": _UNSURE,
    "permission_regex-0058": _UNSURE,
    "permission_regex-0085": _UNSURE,
    "permission_regex-0097": _UNSURE,
    "permission_regex-0178": _DIALECT,
    "permission_regex-0218": _UNSURE,
    "permission_regex-0247": _LONG,
}


def test_patterns_of_permissions() -> None:
    def judged() -> Iterator[tuple[str, str, bool, str]]:
        for given, version, accepted, row in rows("permission_regex"):
            if not isinstance(given.get("pattern"), str):
                continue
            why = why_not_pattern(given["pattern"], DIALECT[version])
            if given["kind"] == "topic":
                exchange = str(given["exchange"])
                why = why or _topic_permission(exchange, given["pattern"], version)
            yield row, version, accepted, why

    wrong = disagreements(judged())
    assert [one for one in wrong if one[0] not in PATTERNS] == []
    assert {one[0] for one in wrong} == set(PATTERNS), "these agree now"


#: The exchanges of the recording: see README.md.
SOURCES = {"d": "direct", "f": "fanout", "t": "topic", "h": "headers"}
#: By id, of bindings.
BINDINGS: dict[str, str] = {}


def test_bindings() -> None:
    """Whether the ends are there is judged with the whole file: see test_definitions."""

    def judged() -> Iterator[tuple[str, str, bool, str]]:
        for given, version, accepted, row in rows("binding"):
            destination = given.get("destination", "q")
            there = given["source"] in SOURCES or given["source"] in PREDECLARED - {""}
            # An empty name has no address; a queue with a long one, or called d, was not there.
            is_queue = given["destination_type"] == "queue"
            lost = is_queue and (destination == "d" or len(destination) > 200)
            if "arguments" not in given or not there or destination in ("missing", "") or lost:
                continue
            key = (
                "v", given["source"], given["destination_type"], destination,
                given["routing_key"], json.dumps(given["arguments"]),
            )  # fmt: skip
            facts = dataclasses.replace(
                facts_for(version),
                other=lambda kind, key: (
                    {"type": SOURCES.get(key[1], "")} if kind == "exchange" else {}
                ),
            )
            found = faults_of(Ref("binding", key), {}, facts)
            yield row, version, accepted, found[0].sentence if found else ""

    wrong = disagreements(judged())
    assert [one for one in wrong if one[0] not in BINDINGS] == []
    assert {one[0] for one in wrong} == set(BINDINGS), "these agree now"
