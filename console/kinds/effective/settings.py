"""Every setting of a queue or exchange: the value in force, where it comes from, and what lost against it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from console.kinds.effective.rules import (
    ONLY_ARGUMENTS,
    Rule,
    argument_rule,
    operator_rule,
    second_counts,
    sentence,
    why_no_effect,
)
from console.kinds.effective.select import EXCHANGE, Choice, Governing, Target
from console.kinds.refusals.versions import BrokerFacts

#: Argument, policy, operator policy, the broker's default.
Source = Literal["A", "P", "OP", "–"]
_WHOSE: Mapping[Source, str] = {
    "A": "the argument",
    "P": "the policy",
    "OP": "the operator policy",
    "–": "the default",
}
#: Settings worth a line even if nothing sets them: without them, nothing is limited or kept.
ALWAYS: Mapping[str, Sequence[str]] = {
    "classic": (
        "max-length", "max-length-bytes", "overflow", "message-ttl", "expires",
        "dead-letter-exchange",
    ),
    "quorum": (
        "max-length", "max-length-bytes", "overflow", "message-ttl", "expires",
        "dead-letter-exchange", "delivery-limit",
    ),
    "stream": ("max-length-bytes", "max-age"),
    EXCHANGE: ("alternate-exchange",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """A value of a setting. `name` is that of the policy, "" for an argument or default."""

    source: Source
    value: Any
    name: str = ""


@dataclass(frozen=True, slots=True)
class Loser:
    """A value that doesn't apply, and the rule that decided."""

    candidate: Candidate
    rule: str


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting in force. `no_effect` says why the broker ignores the key; "" if it uses it.
    `candidate.value` None with the source of a default: nothing limits it."""

    key: str
    candidate: Candidate
    losers: tuple[Loser, ...] = ()
    no_effect: str = ""

    @property
    def value(self) -> Any:
        return self.candidate.value


@dataclass(frozen=True, slots=True)
class InForce:
    """What applies to one object. `settings` are sorted: those in `ALWAYS` first. `unsure` maps keys
    to the settings that are possible, if it isn't certain which policy applies; such a key isn't in
    `settings`."""

    policy: Choice
    operator: Choice
    settings: tuple[Setting, ...]
    unsure: Mapping[str, tuple[Setting, ...]]

    def of(self, key: str) -> Setting | None:
        return next((one for one in self.settings if one.key == key), None)


def merged(
    policy: Governing | None, operator: Governing | None, facts: BrokerFacts
) -> dict[str, Any]:
    """Return RabbitMQ's `effective_policy_definition`: both definitions, merged."""
    keys = {**(policy.definition if policy else {}), **(operator.definition if operator else {})}
    found = {key: _of_policies(key, policy, operator, facts)[0] for key in keys}
    return {key: winner.value for key, winner in found.items() if winner is not None}


def in_force(target: Target, policy: Choice, operator: Choice, facts: BrokerFacts) -> InForce:
    """Return every setting of the target under these policies. If it isn't certain which policy
    applies, a setting is known if each of the possible ones leads to the same."""
    whole = [
        {one.key: one for one in _settings(target, of_users, of_operators, facts)}
        for of_users, of_operators in product(_possible(policy), _possible(operator))
    ]
    settings: list[Setting] = []
    unsure: dict[str, tuple[Setting, ...]] = {}
    for key in dict.fromkeys(key for found in whole for key in found):
        ways = list(
            dict.fromkeys(
                _Frozen(found.get(key, Setting(key, Candidate("–", None)))) for found in whole
            )
        )
        if len(ways) == 1:
            settings.append(ways[0].setting)
        else:
            unsure[key] = tuple(way.setting for way in ways)
    return InForce(policy, operator, tuple(settings), unsure)


class _Frozen:
    """A setting that compares by what is in force, whoever sets it."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._said = repr((setting.value, setting.no_effect))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Frozen) and self._said == other._said

    def __hash__(self) -> int:
        return hash(self._said)


def _possible(choice: Choice) -> list[Governing | None]:
    if choice.undecided:
        return [*choice.first, *choice.undecided, *([] if choice.first else [None])]
    return list(choice.first) or [None]


def _settings(
    target: Target, policy: Governing | None, operator: Governing | None, facts: BrokerFacts
) -> Iterator[Setting]:
    of_type = target.type or "classic"
    set_by = {**(policy.definition if policy else {}), **(operator.definition if operator else {})}
    arguments = _arguments(target)
    always = ALWAYS.get(of_type, ())
    others = sorted((set(set_by) | set(arguments)) - set(always) - {"queue-type"})
    for key in (*always, *others):
        yield _setting(key, of_type, arguments, policy, operator, facts)


def _arguments(target: Target) -> dict[str, Any]:
    """Return the arguments by their policy key."""
    if target.type == EXCHANGE:
        return dict(target.arguments)
    return {
        name.removeprefix("x-"): value
        for name, value in target.arguments.items()
        if name.startswith("x-")
    }


def _of_policies(
    key: str, policy: Governing | None, operator: Governing | None, facts: BrokerFacts
) -> tuple[Candidate | None, Loser | None]:
    """Return the value that counts and the one that doesn't; None where there is none."""
    found = [
        Candidate(source, one.definition[key], one.name)
        for source, one in _both(policy, operator)
        if one is not None and key in one.definition
    ]
    if len(found) == 2:
        return _decided(found[0], found[1], operator_rule(key, facts))
    return (found[0] if found else None), None


def _both(
    policy: Governing | None, operator: Governing | None
) -> tuple[tuple[Source, Governing | None], ...]:
    return ("P", policy), ("OP", operator)


def _decided(first: Candidate, second: Candidate, rule: Rule) -> tuple[Candidate, Loser]:
    if first.value == second.value and type(first.value) is type(second.value):
        return first, Loser(second, "same value")
    said = sentence(rule, _WHOSE[first.source], _WHOSE[second.source])
    if second_counts(rule, first.value, second.value):
        return second, Loser(first, said)
    return first, Loser(second, said)


def _setting(
    key: str,
    of_type: str,
    arguments: Mapping[str, Any],
    policy: Governing | None,
    operator: Governing | None,
    facts: BrokerFacts,
) -> Setting:
    losers: list[Loser] = []
    winner, beaten = (
        (None, None) if key in ONLY_ARGUMENTS else _of_policies(key, policy, operator, facts)
    )
    if beaten is not None:
        losers.append(beaten)
    if key in arguments:
        argument = Candidate("A", arguments[key])
        if winner is None:
            winner = argument
        else:
            rule = argument_rule(key, of_type, facts)
            winner, beaten = _decided(winner, argument, rule)
            losers.insert(0, beaten)
    if winner is None:
        return Setting(key, Candidate("–", _default(key, of_type, facts)))
    why = why_no_effect(key, of_type, facts, winner.value)
    if key == "overflow" and of_type == "quorum" and why:
        # The broker falls back to its default.
        fallback = Candidate("–", _default(key, of_type, facts))
        return Setting(key, fallback, (Loser(winner, why), *losers))
    return Setting(key, winner, tuple(losers), why)


def _default(key: str, of_type: str, facts: BrokerFacts) -> Any:
    """Return what applies if nothing sets the key; None: nothing."""
    if key == "overflow" and of_type in ("classic", "quorum"):
        return "drop-head"
    if key == "delivery-limit" and of_type == "quorum" and facts.at_least("4.0"):
        return 20
    return None
