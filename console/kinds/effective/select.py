"""Which policy and which operator policy apply to a queue or exchange.

One of each at most: of those that match, the one with the highest priority. Of several with the same
priority, RabbitMQ takes any; which one differs between versions and between two runs, so the answer
here is all of them. Sources: `rabbit_policy:match_all/3`, `matches/3`, and recorded answers of
3.10.8, 4.0.5 and 4.3.6 (`tests/truth/in_force.jsonl`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from console.kinds.refusals.policy_targets import may_apply_to, unsupported_keys
from console.kinds.refusals.versions import BrokerFacts

#: Returns whether one pattern matches a name; None if only the broker can decide.
Test = Callable[[str], bool | None]
#: Returns the test of a pattern.
Compile = Callable[[str], Test]
#: The type of an exchange as a target; queues have the type that the broker reports.
EXCHANGE = "exchange"


@dataclass(frozen=True, slots=True, eq=False)
class Governing:
    """A policy or operator policy of a virtual host. The definition has RabbitMQ's keys. Equal only to
    itself, so that it can be a key."""

    name: str
    pattern: str
    apply_to: str
    priority: int
    definition: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """A queue or exchange. `type` is the queue's type, or EXCHANGE. An empty type is an unknown one,
    which is treated like a classic queue."""

    name: str
    type: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """The policies of one sort (policies, or operator policies) that match one object.

    `first` has those with the highest priority: none, the one that applies, or several of which
    RabbitMQ takes any. `lower` match too, with a lower priority. `unsuited` match by name, but don't
    apply because of keys that the type doesn't support. `undecided`: only the broker can tell
    whether the pattern matches.
    """

    first: tuple[Governing, ...] = ()
    lower: tuple[Governing, ...] = ()
    unsuited: tuple[tuple[Governing, tuple[str, ...]], ...] = ()
    undecided: tuple[Governing, ...] = ()

    @property
    def applied(self) -> Governing | None:
        """The policy that applies; None if there is none, or if it isn't certain which one."""
        return self.first[0] if len(self.first) == 1 and not self.undecided else None

    @property
    def is_tied(self) -> bool:
        return len(self.first) > 1

    @property
    def is_certain(self) -> bool:
        return len(self.first) < 2 and not self.undecided


NOTHING = Choice()
#: A policy, the keys that the type doesn't support, and the test of its pattern.
_Covering = tuple[Governing, tuple[str, ...], Test]


class Policies:
    """All policies of one sort in a virtual host, ready to be asked about many objects."""

    def __init__(
        self, policies: Iterable[Governing], facts: BrokerFacts, compile_pattern: Compile
    ) -> None:
        self._sorted = sorted(policies, key=lambda one: (-one.priority, one.name))
        self._facts = facts
        self._compile = compile_pattern
        self._of_type: dict[str, list[_Covering]] = {}
        self._quick: dict[str, list[tuple[int, Governing, Test]]] = {}

    def _covering(self, of_type: str) -> list[_Covering]:
        if of_type not in self._of_type:
            self._of_type[of_type] = [
                (one, lacking_keys(one, of_type, self._facts), self._compile(one.pattern))
                for one in self._sorted
                if covers(one, of_type)
            ]
        return self._of_type[of_type]

    def quickly(self, target: Target) -> Choice:
        """Return `first` and `undecided` of the choice only. For many objects."""
        if target.type not in self._quick:
            self._quick[target.type] = [
                (one.priority, one, test)
                for one, lacking, test in self._covering(target.type)
                if not lacking
            ]
        name = target.name
        first: tuple[Governing, ...] = ()
        undecided: tuple[Governing, ...] = ()
        for priority, one, test in self._quick[target.type]:
            if first and priority < first[0].priority:
                break
            found = test(name)
            if found:
                first += (one,)
            elif found is None:
                undecided += (one,)
        return Choice(first, undecided=undecided) if first or undecided else NOTHING

    def choose(self, target: Target) -> Choice:
        """Return which policies match."""
        first: list[Governing] = []
        lower: list[Governing] = []
        unsuited: list[tuple[Governing, tuple[str, ...]]] = []
        undecided: list[Governing] = []
        for one, lacking, test in self._covering(target.type):
            found = test(target.name)
            if found is None:
                # Below the one that applies, it makes no difference.
                if not lacking and (not first or one.priority == first[0].priority):
                    undecided.append(one)
            elif not found:
                continue
            elif lacking:
                unsuited.append((one, lacking))
            elif not first or one.priority == first[0].priority:
                first.append(one)
            else:
                lower.append(one)
        return Choice(tuple(first), tuple(lower), tuple(unsuited), tuple(undecided))


def covers(policy: Governing, of_type: str) -> bool:
    """Return whether the policy's apply-to covers targets of the type."""
    if of_type == EXCHANGE:
        return policy.apply_to in ("all", "exchanges")
    return may_apply_to(policy.apply_to, of_type)


def lacking_keys(policy: Governing, of_type: str, facts: BrokerFacts) -> tuple[str, ...]:
    """Return the keys that keep the policy from applying to targets of the type."""
    return () if of_type == EXCHANGE else tuple(unsupported_keys(policy.definition, of_type, facts))
