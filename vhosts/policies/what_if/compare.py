"""Compare what is in force before and after a change of policies, grouped by identical effect."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from console.kinds.effective.select import (
    EXCHANGE,
    Choice,
    Governing,
    Policies,
    Target,
    covers,
    lacking_keys,
)
from console.kinds.effective.settings import InForce, in_force
from vhosts.policies.read import Seen, Sort
from vhosts.policies.values import SOURCES, both_shown, shown
from vhosts.policies.what_if.losses import Losses, Tightened, tightened_by
from vhosts.policies.what_if.subjects import Subject

SAMPLE = 5
_Key = TypeVar("_Key")
#: Names of the policies that may apply.
_Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """A setting that changes: how it reads before and after."""

    key: str
    was: str
    becomes: str


@dataclass(frozen=True, slots=True)
class Effect:
    """What happens to each object of a group."""

    is_queue: bool
    before: _Names
    after: _Names
    changed: tuple[Changed, ...]
    #: Why a key of the policy isn't in force: "argument max-length 5 messages stays in force (…)".
    overruled: tuple[str, ...] = ()
    #: Keys of the policy that this version or type ignores, and why.
    ignored: tuple[tuple[str, str], ...] = ()

    @property
    def is_change(self) -> bool:
        return self.before != self.after or bool(self.changed)


@dataclass(slots=True)
class Group:
    """The objects with the same effect. `names` has the first of them."""

    effect: Effect
    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, subject: Subject) -> None:
        self.count += 1
        if len(self.names) < SAMPLE:
            self.names.append(subject.target.name)


@dataclass(slots=True)
class Outcome:
    """What a change of one policy does. `compared` of `of` objects were looked at."""

    queues: int = 0
    exchanges: int = 0
    sample: list[str] = field(default_factory=list)
    groups: dict[Effect, Group] = field(default_factory=dict)
    losses: Losses = field(default_factory=Losses)
    #: By the names of policies with the same priority.
    ties: dict[_Names, Group] = field(default_factory=dict)
    undecided: int = 0
    unsuited: int = 0
    keys: set[str] = field(default_factory=set)
    #: Objects that match, but to which a policy of higher priority applies, by its name.
    outranked: dict[_Names, Group] = field(default_factory=dict)
    compared: int = 0
    of: int = 0


@dataclass(frozen=True, slots=True)
class _Difference:
    """What changes for objects of one type, with the same arguments and policies."""

    effect: Effect
    #: Of the changed sort, after the change.
    after: Choice
    tightened: Tightened | None


class _Own:
    """The changed policy before or after the change; None if it isn't there."""

    def __init__(self, policy: Governing | None, seen: Seen) -> None:
        self.policy = policy
        self._facts = seen.facts
        self._test = seen.compile_pattern(policy.pattern) if policy else None
        self._lacking: dict[str, tuple[str, ...] | None] = {}

    def lacking(self, of_type: str) -> tuple[str, ...] | None:
        """Return the keys that the type doesn't support; None if the policy isn't for the type."""
        if of_type not in self._lacking:
            self._lacking[of_type] = (
                lacking_keys(self.policy, of_type, self._facts)
                if self.policy and covers(self.policy, of_type)
                else None
            )
        return self._lacking[of_type]

    def may_match(self, target: Target) -> bool:
        return (
            self._test is not None
            and self.lacking(target.type) is not None
            and self._test(target.name) is not False
        )


class Comparison:
    """A change of policies of one sort in a virtual host. `changed` maps names to their state after
    the change; None deletes it."""

    def __init__(self, seen: Seen, sort: Sort, changed: dict[str, Governing | None]) -> None:
        self._seen = seen
        self._sort = sort
        self._changed = changed
        now = seen.policies if sort == "P" else seen.operators
        self._present = {one.name: one for one in now}
        desired = {**self._present, **changed}
        other = seen.operators if sort == "P" else seen.policies
        self._before = self._of(now)
        self._after = self._of([one for one in desired.values() if one is not None])
        self._other = self._of(other)
        self._known: dict[tuple[object, ...], _Difference] = {}

    def _of(self, policies: Iterable[Governing]) -> Policies:
        return Policies(policies, self._seen.facts, self._seen.compile_pattern)

    def outcome(self, name: str, subjects: Sequence[Subject], ends: float) -> Outcome:
        """Return what the change of the policy called `name` does, until the time `ends`
        (`time.monotonic`)."""
        becomes = _Own(self._changed[name], self._seen)
        was = _Own(self._present.get(name), self._seen)
        found = Outcome(of=len(subjects))
        for subject in subjects:
            if time.monotonic() > ends:
                break
            found.compared += 1
            if becomes.may_match(subject.target):
                self._add(found, subject, name, becomes)
            elif was.may_match(subject.target):
                self._add(found, subject, name, None if becomes.policy else was)
        return found

    def choices_after(self, target: Target) -> tuple[Choice, Choice]:
        """Return the choice of policies and of operator policies after the change."""
        changed, other = self._after.choose(target), self._other.choose(target)
        return (changed, other) if self._sort == "P" else (other, changed)

    def _add(self, found: Outcome, subject: Subject, name: str, own: _Own | None) -> None:
        """Count the object. `own` None: the policy matched it before the change only."""
        target = subject.target
        lacking = own.lacking(target.type) if own else None
        if lacking:
            found.unsuited += 1
            found.keys.update(lacking)
        elif own:
            found.queues += subject.is_queue
            found.exchanges += not subject.is_queue
            if len(found.sample) < SAMPLE:
                found.sample.append(target.name)
        difference = self._difference(subject)
        effect, after = difference.effect, difference.after
        found.undecided += bool(after.undecided)
        if after.is_tied and name in effect.after:
            _group(found.ties, effect.after, effect).add(subject)
        if effect.is_change:
            _group(found.groups, effect, effect).add(subject)
            if difference.tightened is not None:
                found.losses.add(subject, difference.tightened)
        elif own is None or lacking or self._changed[name] is None:
            return
        elif name not in effect.after:
            _group(found.outranked, effect.after, effect).add(subject)
        elif effect.overruled or effect.ignored:
            # It applies as it did. What it can't do is still worth a sentence.
            _group(found.groups, effect, effect).add(subject)

    def _difference(self, subject: Subject) -> _Difference:
        target = subject.target
        before = self._before.quickly(target)
        after = self._after.quickly(target)
        other = self._other.quickly(target)
        key = (
            target.type, subject.arguments, before.first, before.undecided, after.first,
            after.undecided, other.first, other.undecided,
        )  # fmt: skip
        if key not in self._known:
            self._known[key] = self._compared(target, before, after, other)
        return self._known[key]

    def _compared(
        self, target: Target, before: Choice, after: Choice, other: Choice
    ) -> _Difference:
        def of(choice: Choice) -> InForce:
            pair = (choice, other) if self._sort == "P" else (other, choice)
            return in_force(target, *pair, self._seen.facts)

        was, becomes = of(before), of(after)
        changed = tuple(_changes(_values(was), _values(becomes), target.type))
        applied = after.applied
        effect = Effect(
            is_queue=target.type != EXCHANGE,
            before=_names(before),
            after=_names(after),
            changed=changed,
            overruled=tuple(_overruled(becomes, applied, self._sort, target)),
            ignored=tuple(
                (one.key, one.no_effect)
                for one in becomes.settings
                if one.no_effect and applied and one.key in applied.definition
            ),
        )
        tightened = None if target.type == EXCHANGE else tightened_by(was, becomes, target.type)
        return _Difference(effect, after, tightened)


def _names(choice: Choice) -> _Names:
    return tuple(one.name for one in (*choice.first, *choice.undecided))


def _group(groups: dict[_Key, Group], key: _Key, effect: Effect) -> Group:
    return groups.setdefault(key, Group(effect))


def _values(found: InForce) -> dict[str, tuple[Any, ...]]:
    """Return the value of each setting; several where it isn't certain."""
    values = {one.key: (one.value,) for one in found.settings}
    return values | {key: tuple(one.value for one in ways) for key, ways in found.unsure.items()}


def _changes(
    was: Mapping[str, tuple[Any, ...]], becomes: Mapping[str, tuple[Any, ...]], of_type: str
) -> Iterator[Changed]:
    for key in dict.fromkeys([*was, *becomes]):
        before, after = was.get(key, (None,)), becomes.get(key, (None,))
        if repr(before) == repr(after):
            continue
        if len(before) == len(after) == 1:
            yield Changed(key, *both_shown(key, before[0], after[0], of_type))
        else:
            yield Changed(key, _either(key, before, of_type), _either(key, after, of_type))


def _either(key: str, values: Sequence[Any], of_type: str) -> str:
    return " or ".join(dict.fromkeys(shown(key, value, of_type) for value in values))


def _overruled(
    found: InForce, applied: Governing | None, sort: Sort, target: Target
) -> Iterable[str]:
    """Yield which keys of the policy that applies don't count, and what does."""
    for setting in found.settings:
        for loser in setting.losers:
            one = loser.candidate
            if applied is None or (one.source, one.name) != (sort, applied.name):
                continue
            if loser.rule == "same value":
                continue
            by = setting.candidate
            word = SOURCES[by.source] + (f" {by.name}" if by.name else "")
            value = shown(setting.key, by.value, target.type)
            yield f"the {word} keeps {setting.key} at {value} ({loser.rule})"
