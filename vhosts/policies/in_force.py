"""What is in force on one queue or exchange: every setting with its value, source and losers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.urls import reverse

from console.faces.pages.words import listed
from console.kinds.effective.rules import ONLY_WHEN_CREATED
from console.kinds.effective.select import EXCHANGE, Choice, Target
from console.kinds.effective.settings import (
    Candidate,
    InForce,
    Setting,
    in_force,
    merged,
)
from console.models import Broker
from vhosts.models import Exchange, Queue
from vhosts.policies.read import Seen, seen_in
from vhosts.policies.values import SOURCES, shown
from vhosts.queues.meanings import MEANINGS

_ROUTES = {"P": "policy", "OP": "operator_policy"}


@dataclass(frozen=True, slots=True)
class Reported:
    """What the broker itself says. Names are "" if it names none, or hasn't yet. `definition` None:
    it wasn't read."""

    policy: str = ""
    operator_policy: str = ""
    definition: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from. `letter` as in SOURCES; `url` is "" if there is no page."""

    letter: str
    word: str
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Beaten:
    origin: Origin
    value: str
    rule: str


@dataclass(frozen=True, slots=True)
class Line:
    """A setting for the table. `values` has one text, or several possible ones. `raw` is RabbitMQ's
    own value, if it reads differently. `note` says why it has no effect, or when it is read."""

    key: str
    meaning: str
    values: tuple[str, ...]
    raw: str
    origin: Origin | None
    beaten: tuple[Beaten, ...]
    note: str
    is_set: bool


@dataclass(frozen=True, slots=True)
class Panel:
    lines: tuple[Line, ...]
    #: Sentences below the table.
    notes: tuple[str, ...]
    #: Sentences about what differs or isn't certain.
    warnings: tuple[str, ...]


def of_queue(queue: Queue, *, reported: Reported | None = None, names_policies: bool) -> Panel:
    """Return what is in force on a queue. `reported` None: what the last inventory said of it.
    `names_policies`: the person may see policies, also those that don't apply. Two queries."""
    arguments = queue.arguments if isinstance(queue.arguments, dict) else {}
    target = Target(queue.name, queue.type, arguments)
    named = reported or Reported(queue.policy, queue.operator_policy)
    return _panel(queue.broker, queue.vhost, target, named, names_policies)


def of_exchange(exchange: Exchange, *, names_policies: bool) -> Panel:
    """Return what is in force on an exchange. Two queries."""
    arguments = exchange.arguments if isinstance(exchange.arguments, dict) else {}
    target = Target(exchange.name, EXCHANGE, arguments)
    return _panel(
        exchange.broker, exchange.vhost, target, Reported(exchange.policy), names_policies
    )


def _panel(
    broker: Broker, vhost: str, target: Target, reported: Reported, names_policies: bool
) -> Panel:
    seen = seen_in(broker, vhost)
    policies, operators = seen.both
    policy, operator = policies.choose(target), operators.choose(target)
    found = in_force(
        target,
        _narrowed(policy, reported.policy),
        _narrowed(operator, reported.operator_policy),
        seen.facts,
    )
    lines = [_line(one, target, seen) for one in found.settings]
    lines += [_unsure(key, ways, target) for key, ways in found.unsure.items()]
    notes = list(_notes(policy, operator, target)) if names_policies else []
    warnings = [
        *_ties(policy, reported.policy, "policies", names_policies),
        *_ties(operator, reported.operator_policy, "operator policies", names_policies),
        *_undecided(policy, operator, names_policies),
        *_differences(found, reported, seen, target.type),
    ]
    return Panel(tuple(lines), tuple(notes), tuple(warnings))


def _narrowed(choice: Choice, name: str) -> Choice:
    """Return the choice with only the policy that the broker says applies, if that is possible."""
    named = [one for one in (*choice.first, *choice.undecided) if one.name == name]
    return replace(choice, first=tuple(named), undecided=()) if named else choice


def _line(setting: Setting, target: Target, seen: Seen) -> Line:
    value, key = setting.value, setting.key
    text = shown(key, value, target.type)
    raw = (
        "" if value is None or not isinstance(value, int) or isinstance(value, bool) else str(value)
    )
    note = setting.no_effect and f"No effect: {setting.no_effect}."
    if not note and key in ONLY_WHEN_CREATED and target.type != EXCHANGE:
        note = "Read only when the queue is created."
    return Line(
        key=key,
        meaning=_meaning(key),
        values=(text,),
        raw=raw if raw and not text.replace(",", "").startswith(raw) else "",
        origin=_origin(setting.candidate, seen),
        beaten=tuple(
            Beaten(
                _origin(one.candidate, seen),
                shown(key, one.candidate.value, target.type),
                one.rule,
            )
            for one in setting.losers
        ),
        note=note,
        is_set=setting.candidate.source != "–" or bool(setting.losers),
    )


def _unsure(key: str, ways: tuple[Setting, ...], target: Target) -> Line:
    values = tuple(dict.fromkeys(shown(key, one.value, target.type) for one in ways))
    return Line(key, _meaning(key), values, "", None, (), "", is_set=True)


def _meaning(key: str) -> str:
    known = MEANINGS.get(key)
    return known.sentence if known else ""


def _origin(candidate: Candidate, seen: Seen) -> Origin:
    pk = seen.ids.get((candidate.source, candidate.name))
    url = reverse(_ROUTES[candidate.source], args=[pk]) if pk is not None else ""
    return Origin(candidate.source, SOURCES[candidate.source], candidate.name, url)


def _notes(policy: Choice, operator: Choice, target: Target) -> Iterator[str]:
    for choice, word in ((policy, "policy"), (operator, "operator policy")):
        plural = f"{word[:-1]}ies"
        if choice.lower:
            named = listed([f"{one.name} (priority {one.priority})" for one in choice.lower[:5]])
            more = f" and {len(choice.lower) - 5} more" if len(choice.lower) > 5 else ""
            yield (
                f"Also matching: {named}{more}. Only the {word} with the highest priority applies."
            )
        for one, keys in choice.unsuited[:5]:
            yield (
                f"{one.name} matches the name, but doesn't apply: {target.type} queues don't "
                f"support {listed(list(keys))}."
            )
        if len(choice.unsuited) > 5:
            yield f"{len(choice.unsuited) - 5} more {plural} match the name, but don't apply."


def _ties(choice: Choice, reported: str, word: str, names: bool) -> Iterator[str]:
    if not choice.is_tied:
        return
    priority = choice.first[0].priority
    what = listed([one.name for one in choice.first]) if names else f"Several {word}"
    now = (
        f" It reports {reported} now." if any(one.name == reported for one in choice.first) else ""
    )
    yield (
        f"{what} match with the same priority ({priority}). RabbitMQ applies any one of them.{now} "
        "Set different priorities."
    )


def _undecided(policy: Choice, operator: Choice, names: bool) -> Iterator[str]:
    unclear = [one.name for one in (*policy.undecided, *operator.undecided)]
    if unclear:
        which = f"the pattern of {listed(unclear)}" if names else "the pattern of a policy"
        yield f"Only the broker can tell whether {which} matches."


def _differences(found: InForce, reported: Reported, seen: Seen, of_type: str) -> Iterator[str]:
    """Compare with what the broker reports, where both are certain."""
    if reported.definition is None or not (found.policy.is_certain and found.operator.is_certain):
        return
    ours = merged(found.policy.applied, found.operator.applied, seen.facts)
    theirs = dict(reported.definition)
    keys = [key for key in sorted({*ours, *theirs}) if ours.get(key) != theirs.get(key)]
    if keys:
        said = [
            f"{key} {shown(key, theirs[key], of_type)}" if key in theirs else f"no {key}"
            for key in keys[:5]
        ]
        yield (
            f"The broker reports {listed(said)} as its effective policy, which differs from the policies "
            "of the last inventory. They changed since then, or the broker's report is some seconds "
            "old."
        )
