"""What the console says is in force on a queue is what RabbitMQ 3.10.8, 4.0.5 and 4.3.6 did: see README.md."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.kinds.effective.select import Governing, Policies, Target
from console.kinds.effective.settings import InForce, in_force, merged
from console.kinds.refusals.versions import BrokerFacts, version_of
from vhosts.policies.matching import matcher

VERSIONS = ("3.10.8", "4.0.5", "4.3.6")
ROWS = [
    json.loads(line) for line in (Path(__file__).parent / "in_force.jsonl").read_text().splitlines()
]


def _governing(rows: list[list[Any]], refused: list[str]) -> list[Governing]:
    return [
        Governing(name, pattern, apply_to, priority, definition)
        for name, pattern, priority, apply_to, definition in rows
        if name not in refused
    ]


def queues(version: str) -> Iterator[tuple[str, Target, InForce, list[Any], BrokerFacts]]:
    """(the row's id, the queue, what the console says, what was recorded, the broker)"""
    facts = BrokerFacts(version=version_of(version), said=version)
    matches = matcher("pcre2" if version == "4.3.6" else "pcre8")
    for row in ROWS:
        recorded = row[version]
        policies, operators = (
            Policies(_governing(row["input"][part], recorded["refused"]), facts, matches)
            for part in ("policies", "operator_policies")
        )
        for name, of_type, arguments in row["input"]["queues"]:
            target = Target(name, of_type, arguments)
            said = in_force(target, policies.choose(target), operators.choose(target), facts)
            yield row["id"], target, said, recorded["queues"][name], facts


@pytest.mark.parametrize("version", VERSIONS)
def test_the_policies_are_those_that_took_effect(version):
    """Where several have the highest priority, the broker took one of them."""
    compared, tied = 0, 0
    for row, target, said, (policy, operator, definition, _), facts in queues(version):
        for choice, recorded in ((said.policy, policy), (said.operator, operator)):
            assert not choice.undecided
            names = {one.name for one in choice.first} or {None}
            assert recorded in names, (row, target.name)
            tied += choice.is_tied
            compared += 1
        chosen = [
            next((one for one in choice.first if one.name == name), None)
            for choice, name in ((said.policy, policy), (said.operator, operator))
        ]
        assert merged(chosen[0], chosen[1], facts) == (definition or {}), (row, target.name)
    assert (compared > 800, tied > 20) == (True, True), (compared, tied)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_quick_choice_is_the_same(version):
    facts = BrokerFacts(version=version_of(version))
    for row in ROWS:
        policies = Policies(_governing(row["input"]["policies"], []), facts, matcher("pcre2"))
        for name, of_type, arguments in row["input"]["queues"]:
            target = Target(name, of_type, arguments)
            assert policies.choose(target).first == policies.quickly(target).first


def _expected(said: InForce, target: Target) -> dict[str, Any] | None:
    """What publishing shows of the settings; None where a tie leaves it open."""
    if said.unsure:
        return None
    return {one.key: one.value for one in said.settings}


def _agrees(values: dict[str, Any], seen: dict[str, Any], target: Target) -> bool:
    if "published" in seen:
        limit, overflow = values.get("max-length"), values.get("overflow")
        if limit is None or limit >= seen["published"]:
            return seen["kept"] == seen["published"] and not seen["nacked"]
        rejects = overflow in ("reject-publish", "reject-publish-dlx")
        # A quorum queue rejects once it holds more than the limit.
        room = limit + (rejects and target.type == "quorum")
        oldest = 0 if rejects else seen["published"] - limit
        return (seen["kept"], seen["oldest_kept"], bool(seen["nacked"])) == (room, oldest, rejects)
    if "dead_lettered_to" in seen:
        exchange = values.get("dead-letter-exchange")
        return seen["dead_lettered_to"] == ([exchange] if exchange else [])
    name = "message-ttl" if "message_gone_after_s" in seen else "expires"
    gone = seen.get("message_gone_after_s", seen.get("queue_gone_after_s"))
    value = values.get(name)
    if gone is None:
        return value is None or value / 1000 > seen["watched_s"] - 1
    # Recorded on a loaded machine.
    return value is not None and value / 1000 <= gone + 0.2 and gone <= value / 1000 + 2.5


@pytest.mark.parametrize("version", VERSIONS)
def test_the_values_are_those_that_publishing_showed(version):
    """AC-142 – and what an operator policy, a policy and an argument make of each other."""
    compared: Counter[str] = Counter()
    for row, target, said, (_, _, _, seen), _ in queues(version):
        values = _expected(said, target)
        if seen is None or values is None:
            continue
        assert _agrees(values, seen, target), (row, target, values, seen)
        compared[next(iter(sorted(seen)))] += 1
    assert sum(compared.values()) > 200, compared
