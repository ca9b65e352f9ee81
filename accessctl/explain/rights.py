"""Check one right on one name: match the pattern of a permission or topic permission.

Source: `check_resource_access` and `check_topic_access` of `rabbit_auth_backend_internal.erl`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from accessctl.explain.facts import Facts, PermissionFacts
from accessctl.explain.question import Question
from accessctl.explain.verdict import Outcome, Reason, quoted
from accessctl.patterns.check import dialect_of, literal, matches
from accessctl.patterns.pcre import TooCostly
from accessctl.patterns.words import in_words
from console.kinds.registry import TOPIC_PERMISSION

#: The name of the default exchange in permissions.
DEFAULT_EXCHANGE = "amq.default"
#: From this version on, a match that takes too many steps is denied (`rabbit_re.erl`).
_BOUNDED_FROM = (4, 2, 6)
#: From the first version on, variables are inserted into topic permissions as plain text; before
#: the second, never.
_ESCAPES_FROM, _NEVER_ESCAPES_BEFORE = (4, 3), (4, 1)


def right(facts: Facts, permission: PermissionFacts, wanted: str, kind: str, name: str) -> Reason:
    """Check one right. `wanted` is configure, write or read; `kind` is queue or exchange. The name
    "" is the default exchange."""
    shown = (
        f"the {kind} {quoted(name)}" if name else f"the default exchange (as {DEFAULT_EXCHANGE})"
    )
    checked = name or DEFAULT_EXCHANGE
    pattern = permission.of(wanted)
    outcome, how = _held_against(facts, pattern, checked)
    sentence = f"{wanted.capitalize()} on {shown}: {how}"
    return Reason(wanted, outcome, sentence, wanted, checked, pattern)


def topic_right(facts: Facts, question: Question, wanted: str, exchange: str) -> Iterator[Reason]:
    """Check the topic permission. Yields nothing unless the exchange is, or may be, a topic
    exchange."""
    found = facts.exchange(exchange)
    if found is not None and found.type != "topic":
        return
    if found is None and "exchanges" in facts.known:
        return
    rule = "topic permission"
    topic = facts.topics.get(exchange)
    if topic is None:
        if TOPIC_PERMISSION.section.name not in facts.known:
            yield Reason(rule, "unknown", "The user's topic permissions are unknown.")
        elif found is not None:
            yield Reason(
                rule,
                "note",
                f"There's no topic permission for {quoted(exchange)}, so any routing "
                "key is allowed there.",
                resource=exchange,
            )
        return
    pattern = topic.write if wanted == "write" else topic.read
    outcome, how = _topic_outcome(facts, question, pattern)
    sentence = f"The topic permission to {wanted} on {quoted(exchange)}: {how}"
    if found is None and outcome != "allows":
        outcome = "unknown"
        sentence += f" It applies if {quoted(exchange)} is a topic exchange, which is unknown."
    yield Reason(rule, outcome, sentence, wanted, question.routing_key or "", pattern)


def _topic_outcome(facts: Facts, question: Question, pattern: str) -> tuple[Outcome, str]:
    words = in_words(pattern)
    if question.routing_key is None:
        if words.kind == "all":
            return "allows", "any routing key."
        return "unknown", f"it depends on the routing key ({quoted(pattern)})."
    outcomes = {
        _held_against(facts, expanded, question.routing_key, "the routing key")
        for expanded in _expanded(facts, question, pattern)
    }
    if len({outcome for outcome, _ in outcomes}) > 1:
        return "unknown", (
            "the user's or virtual host's name has special characters, and it's "
            "unknown whether this broker version treats them as part of the "
            f"expression in {quoted(pattern)}."
        )
    return outcomes.pop()


def _expanded(facts: Facts, question: Question, pattern: str) -> set[str]:
    """Return the pattern with its variables inserted, in every way that this broker version may do
    it. `{client_id}` is for MQTT and stays unchanged in AMQP 0-9-1."""
    version = facts.version
    ways: list[Callable[[str], str]] = []
    if version is None or version < _ESCAPES_FROM:
        ways.append(str)
    if version is None or version >= _NEVER_ESCAPES_BEFORE:
        ways.append(literal)
    found = set()
    for way in ways:
        # One after the other in alphabetical order, like maps:fold.
        expanded = pattern.replace("{username}", way(question.user))
        found.add(expanded.replace("{vhost}", way(question.vhost)))
    return found


def _held_against(
    facts: Facts, pattern: str, name: str, what: str = "the name"
) -> tuple[Outcome, str]:
    words = in_words(pattern)
    shown = f"the pattern {quoted(pattern)}" if pattern else "an empty pattern"
    meaning = f" ({words.words})" if words.words != "names that match" else ""
    try:
        found = matches(pattern, name, dialect=dialect_of(facts.erlang_version))
    except TooCostly:
        if (version := facts.version) is not None and version >= _BOUNDED_FROM:
            return "denies", (
                f"{shown} takes too many steps to match {what}, so the broker denies it."
            )
        return "unknown", f"{shown} takes too many steps to match {what} here."
    if found is None:
        return "unknown", f"only the broker can decide whether {shown} matches {what}."
    verb = "matches" if found else "doesn't match"
    return ("allows" if found else "denies"), f"{shown}{meaning} {verb} {what} {quoted(name)}."
