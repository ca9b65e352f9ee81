"""What a preview says of random policies is what a live broker does with them.

Each set of policies is put into a virtual host with queues of three types and exchanges; then one policy is
created, edited or deleted. Both times, the policy, the operator policy and the effective definition that the
broker reports are those that the console said before. Where several policies have the same priority, the
console says so, and the broker takes one of them. `bin/test --long` tries 500 sets, else a few.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.error import HTTPError
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accessctl.patterns.check import dialect_of
from console.kinds.effective.select import EXCHANGE, Governing, Target
from console.kinds.effective.settings import merged
from console.kinds.refusals.policy_keys import faults
from console.kinds.refusals.versions import BrokerFacts, version_of
from vhosts.policies.matching import matcher
from vhosts.policies.read import Seen, Sort
from vhosts.policies.what_if.compare import Comparison, Outcome
from vhosts.policies.what_if.subjects import Subject

IS_LONG = settings().max_examples >= 1000
VHOSTS, ROUNDS = (50, 10) if IS_LONG else (10, 1)
#: The broker reports policies with its statistics, every 5 s.
SETTLES_S, AT_MOST_S = 6, 45
PARTS: dict[Sort, str] = {"P": "policies", "OP": "operator-policies"}

_NAMES = ("orders.eu", "orders.us", "mail", "tmp.é")
_PATTERNS = (
    "",
    ".*",
    "^orders",
    r"\.eu$",
    "mail|tmp",
    "o",
    "^o.*s$",
    r"[éu]",
    "nothing",
    "^(?!mail)",
)
_LIMITS = st.sampled_from([0, 5, 100, 3000, 10**9])
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "max-length": _LIMITS,
    "max-length-bytes": _LIMITS,
    "message-ttl": _LIMITS,
    # Long enough for the queues to stay.
    "expires": st.sampled_from([10**7, 2 * 10**7]),
    "overflow": st.sampled_from(["drop-head", "reject-publish", "reject-publish-dlx"]),
    "dead-letter-exchange": st.sampled_from(["", "dlx", "other"]),
    "dead-letter-routing-key": st.sampled_from(["", "k"]),
    "dead-letter-strategy": st.sampled_from(["at-most-once", "at-least-once"]),
    "delivery-limit": st.sampled_from([-1, 0, 3, 20]),
    "max-in-memory-length": _LIMITS,
    "max-age": st.sampled_from(["1D", "7D", "1h"]),
    "stream-max-segment-size-bytes": st.sampled_from([10**6, 10**8]),
    "queue-mode": st.sampled_from(["default", "lazy"]),
    "queue-version": st.sampled_from([1, 2]),
    "queue-leader-locator": st.sampled_from(["client-local", "balanced"]),
    "consumer-timeout": _LIMITS,
    "target-group-size": st.sampled_from([1, 3]),
    "initial-cluster-size": st.just(1),
    "alternate-exchange": st.sampled_from(["ae", "other"]),
    "delayed-retry-type": st.sampled_from(["all", "disabled"]),
    "delayed-retry-min": st.sampled_from([10, 1000]),
    "delayed-retry-max": st.sampled_from([2000, 5000]),
}
_ARGUMENTS = {
    "classic": ("max-length", "message-ttl", "expires", "overflow", "dead-letter-exchange"),
    "quorum": ("max-length", "message-ttl", "overflow", "dead-letter-exchange"),
    "stream": ("max-length-bytes", "max-age"),
}


def _definitions() -> st.SearchStrategy[dict[str, Any]]:
    keys = st.lists(st.sampled_from(sorted(_VALUES)), min_size=1, max_size=3, unique=True)
    return keys.flatmap(
        lambda names: st.fixed_dictionaries({name: _VALUES[name] for name in names})
    )


def _policy(prefix: str, most: int) -> st.SearchStrategy[Governing]:
    return st.builds(
        Governing,
        name=st.sampled_from([f"{prefix}{number}" for number in range(most)]),
        pattern=st.sampled_from(_PATTERNS),
        apply_to=st.sampled_from(
            ["all", "all", "queues", "exchanges", "classic_queues", "quorum_queues", "streams"]
        ),
        priority=st.sampled_from([-1, 0, 0, 1, 5]),
        definition=_definitions(),
    )


def _policies(prefix: str, most: int) -> st.SearchStrategy[list[Governing]]:
    one = _policy(prefix, most)
    return st.lists(one, max_size=most, unique_by=lambda policy: policy.name)


@dataclass(frozen=True)
class Case:
    """Policies of both sorts, and the next change of one: its sort, its name, and its state then."""

    policies: dict[Sort, list[Governing]]
    sort: Sort
    change: Governing
    deletes: bool


_CASES = st.builds(
    lambda policies, operators, sort, change, deletes: Case(
        {"P": policies, "OP": operators}, sort, change, deletes
    ),
    _policies("p", 5),
    _policies("o", 3),
    st.sampled_from(["P", "P", "OP"]),
    _policy("p", 5),
    st.booleans(),
)
_QUEUES = st.tuples(
    *(
        st.fixed_dictionaries(
            {}, optional={f"x-{key}": _VALUES[key] for key in _ARGUMENTS[of_type]}
        )
        for of_type in ("classic", "classic", "quorum", "stream")
    ),
    st.permutations(_NAMES),
)


def drawn(strategy: st.SearchStrategy[Any], number: int) -> list[Any]:
    """This many examples of the strategy, the simplest ones first."""
    found: list[Any] = []

    @settings(
        max_examples=number, phases=[Phase.generate], database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategy)
    def collect(one: Any) -> None:
        found.append(one)

    collect()
    # Of a strategy with few values there are fewer.
    return (found * (number // len(found) + 1))[:number]


def _urls() -> list[str]:
    return os.environ.get("RABBITMQ_TEST_URLS", "").split() or [os.environ.get("RABBITMQ_URL", "")]


class Broker:
    """A live broker with virtual hosts of this test's own, each with four queues and two exchanges."""

    def __init__(self, live: Any) -> None:
        self.live = live
        overview = live.call("GET", "overview")
        said = overview["rabbitmq_version"]
        self.facts = BrokerFacts(version=version_of(said), said=said)
        self.matches = matcher(dialect_of(overview["erlang_version"]))
        self.prefix = f"what-if-{uuid4().hex[:6]}"
        self.targets: dict[str, list[Target]] = {}
        for number, (*arguments, names) in enumerate(drawn(_QUEUES, VHOSTS)):
            self._make(f"{self.prefix}-{number}", arguments, names)

    def _make(self, vhost: str, arguments: list[dict[str, Any]], names: list[str]) -> None:
        live = self.live
        live.call("PUT", "vhosts", vhost, body={})
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        live.call("PUT", "permissions", vhost, live.username, body=everything)
        self.targets[vhost] = []
        for of_type, given_arguments, name in zip(
            ("classic", "classic", "quorum", "stream"), arguments, names, strict=True
        ):
            body = {"durable": True, "arguments": {**given_arguments, "x-queue-type": of_type}}
            live.call("PUT", "queues", vhost, name, body=body)
            self.targets[vhost].append(Target(name, of_type, body["arguments"]))
        for name in ("orders.x", "mail"):
            live.call("PUT", "exchanges", vhost, name, body={"type": "topic", "durable": True})
            self.targets[vhost].append(Target(name, EXCHANGE))

    def accepted(self, policy: Governing, sort: Sort) -> bool:
        spec = {
            name: getattr(policy, name)
            for name in ("pattern", "apply_to", "priority", "definition")
        }
        found = faults(spec, self.facts, operator=sort == "OP")
        return not any(fault.refuses for fault in found)

    def fitted(self, policy: Governing, sort: Sort) -> Governing:
        """The policy with the keys and the apply-to that this version has."""
        by_type = policy.apply_to not in ("all", "queues", "exchanges")
        kept = (
            replace(policy, apply_to="queues")
            if by_type and not self.facts.at_least("3.12")
            else policy
        )
        for key in policy.definition:
            without = {name: one for name, one in kept.definition.items() if name != key}
            alone = replace(kept, definition={key: policy.definition[key]})
            if not self.accepted(alone, sort):
                kept = replace(kept, definition=without)
        return kept if kept.definition else replace(kept, definition={"max-length": 5})

    def put(self, vhost: str, sort: Sort, policy: Governing) -> None:
        body = {
            "pattern": policy.pattern, "apply-to": policy.apply_to, "priority": policy.priority,
            "definition": policy.definition,
        }  # fmt: skip
        self.live.call("PUT", PARTS[sort], vhost, policy.name, body=body)

    def clear(self) -> None:
        for sort in PARTS:
            for row in self.live.call("GET", PARTS[sort]):
                if row["vhost"] in self.targets:
                    self.live.forget(PARTS[sort], row["vhost"], row["name"])

    def reported(self) -> dict[tuple[str, str, bool], dict[str, Any]]:
        """By virtual host, name, and whether it is a queue."""
        columns = "?columns=vhost,name,policy,operator_policy,effective_policy_definition"
        return {
            (row["vhost"], row["name"], part == "queues"): row
            for part in ("queues", "exchanges")
            for row in self.live.call("GET", part, query=columns)
        }

    def close(self) -> None:
        for vhost in self.targets:
            self.live.forget("vhosts", vhost)


@pytest.fixture(params=_urls(), ids=lambda url: url.rsplit(":", 1)[-1])
def broker(request: pytest.FixtureRequest, live_broker: Any) -> Iterator[Broker]:
    found = Broker(type(live_broker)(request.param))
    yield found
    found.close()


def _said(
    broker: Broker, vhost: str, policies: dict[Sort, list[Governing]], sort: Sort, name: str,
    policy: Governing | None,
) -> tuple[Comparison, Outcome]:  # fmt: skip
    seen = Seen(tuple(policies["P"]), tuple(policies["OP"]), {}, broker.facts, broker.matches)
    comparison = Comparison(seen, sort, {name: policy})
    subjects = [Subject(target, repr(target.arguments)) for target in broker.targets[vhost]]
    return comparison, comparison.outcome(name, subjects, time.monotonic() + 60)


@dataclass
class Expected:
    """What the console says of one queue or exchange: the policies that it may get, by sort."""

    names: dict[Sort, set[str | None]]
    definition: dict[str, Any] | None

    def agrees(self, row: dict[str, Any], target: Target) -> bool:
        operator = row.get("operator_policy") or None
        named = (row.get("policy") or None) in self.names["P"]
        # Brokers name the operator policies of classic and quorum queues only.
        if target.type in ("classic", "quorum"):
            named = named and operator in self.names["OP"]
        if self.definition is None or target.type not in ("classic", "quorum"):
            return named
        return named and dict(row.get("effective_policy_definition") or {}) == self.definition


def _expected(comparison: Comparison, target: Target, broker: Broker) -> Expected:
    policy, operator = comparison.choices_after(target)
    known = policy.is_certain and operator.is_certain
    return Expected(
        {"P": _names(policy), "OP": _names(operator)},
        merged(policy.applied, operator.applied, broker.facts) if known else None,
    )


def _names(choice: Any) -> set[str | None]:
    assert not choice.undecided
    return {one.name for one in choice.first} or {None}


def _settle(broker: Broker, expected: dict[tuple[str, str, bool], tuple[Expected, Target]]) -> None:
    time.sleep(SETTLES_S)
    ends = time.monotonic() + AT_MOST_S
    while True:
        rows = broker.reported()
        wrong = {
            place: (said, rows.get(place))
            for place, (said, target) in expected.items()
            if not said.agrees(rows.get(place) or {"policy": "gone"}, target)
        }
        if not wrong or time.monotonic() > ends:
            break
        time.sleep(1)
    assert not wrong, next(iter(wrong.items()))


def test_the_broker_does_what_the_preview_says(broker: Broker) -> None:
    """AC-141, AC-142: several policies and operator policies, created, edited and deleted."""
    cases = drawn(_CASES, VHOSTS * ROUNDS)
    ties = changes = compared = 0
    for number in range(ROUNDS):
        broker.clear()
        before: dict[tuple[str, str, bool], tuple[Expected, Target]] = {}
        after: dict[tuple[str, str, bool], tuple[Expected, Target]] = {}
        steps = []
        for vhost, case in zip(broker.targets, cases[number * VHOSTS :], strict=False):
            policies = {
                sort: [broker.fitted(one, sort) for one in found]
                for sort, found in case.policies.items()
            }
            for sort, found in policies.items():
                for one in found:
                    broker.put(vhost, sort, one)
            name = case.change.name
            change = None if case.deletes else broker.fitted(case.change, case.sort)
            start, _ = _said(broker, vhost, policies, case.sort, name, _there(policies, case, name))
            comparison, outcome = _said(broker, vhost, policies, case.sort, name, change)
            steps.append((vhost, case.sort, name, change))
            ties += len(outcome.ties)
            changes += sum(group.count for group in outcome.groups.values())
            for target in broker.targets[vhost]:
                place = (vhost, target.name, target.type != EXCHANGE)
                before[place] = _expected(start, target, broker), target
                after[place] = _expected(comparison, target, broker), target
        _settle(broker, before)
        for vhost, sort, name, change in steps:
            if change is None:
                broker.live.forget(PARTS[sort], vhost, name)
            else:
                broker.put(vhost, sort, change)
        _settle(broker, after)
        compared += len(before) + len(after)
    assert compared == 2 * 6 * VHOSTS * ROUNDS
    assert changes > VHOSTS * ROUNDS // 2
    assert ties or not IS_LONG


def _there(policies: dict[Sort, list[Governing]], case: Case, name: str) -> Governing | None:
    return next((one for one in policies[case.sort] if one.name == name), None)


def test_what_the_console_would_refuse_is_refused(broker: Broker) -> None:
    """AC-143: and what it lets pass, the broker takes."""
    vhost = next(iter(broker.targets))
    for sort in PARTS:
        for policy in drawn(_policy("p", 1), 200 if IS_LONG else 40):
            try:
                broker.put(vhost, sort, policy)
                refused = 0
            except HTTPError as error:
                refused = error.code
            assert refused == (0 if broker.accepted(policy, sort) else 400), policy
