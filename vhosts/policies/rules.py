"""Check policies by RabbitMQ's rules, and find the queues and exchanges that one applies to.

Sources: `rabbit_policy.erl`, `rabbit_policies.erl`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from accessctl.patterns.check import dialect_of, preview, why_not_pattern
from console.errors import InvalidField
from console.faces.pages.words import counted
from console.kinds.common.kind import Key, Spec
from console.kinds.common.policies import APPLY_TO
from console.models import Broker
from vhosts.models import Exchange, Queue

#: Maximum number of names matched against a pattern, so that no page waits longer.
_MOST = 50_000
_SAMPLE = 5
#: The queue types for each value of apply-to; None: all types.
_TYPES: Mapping[str, tuple[str, ...] | None] = {
    "all": None,
    "queues": None,
    "classic_queues": ("classic", ""),
    "quorum_queues": ("quorum",),
    "streams": ("stream",),
    "exchanges": (),
}
_WITH_EXCHANGES = ("all", "exchanges")


@dataclass(frozen=True, slots=True)
class Matching:
    """The numbers of queues and exchanges that a policy matches. `refused` says why the count is
    incomplete; None if it is complete."""

    queues: int
    exchanges: int
    sample: tuple[str, ...]
    refused: str | None = None

    @property
    def sentence(self) -> str:
        if self.refused:
            return f"What it matches is unknown: {self.refused}"
        if not self.queues and not self.exchanges:
            return "It matches no queues or exchanges."
        parts = [
            counted(number, noun)
            for number, noun in ((self.queues, "queue"), (self.exchanges, "exchange"))
            if number
        ]
        named = ", ".join(self.sample)
        more = " and more" if self.queues + self.exchanges > len(self.sample) else ""
        return f"It matches {' and '.join(parts)}: {named}{more}."


def matching(broker: Broker, vhost: str, spec: Spec) -> Matching:
    """Match a policy against what was last seen in the virtual host. Two queries."""
    # An empty pattern matches every name.
    pattern = spec.get("pattern") or "(?:)"
    apply_to = spec.get("apply_to", "all")
    dialect = dialect_of(broker.status.erlang_version)
    types = _TYPES.get(apply_to)
    queues: list[str] = []
    if types != ():
        rows = Queue.objects.present().filter(broker=broker, vhost=vhost)
        if types is not None:
            rows = rows.filter(type__in=types)
        queues = list(rows.order_by("name").values_list("name", flat=True)[:_MOST])
    exchanges: list[str] = []
    if apply_to in _WITH_EXCHANGES:
        listed = Exchange.objects.filter(broker=broker, vhost=vhost).exclude(name="")
        exchanges = list(listed.order_by("name").values_list("name", flat=True)[:_MOST])
    of_queues = preview(pattern, queues, _SAMPLE, dialect=dialect)
    of_exchanges = preview(pattern, exchanges, _SAMPLE, dialect=dialect)
    return Matching(
        of_queues.count,
        of_exchanges.count,
        (*of_queues.sample, *of_exchanges.sample)[:_SAMPLE],
        of_queues.refused or of_exchanges.refused,
    )


def check(broker: Broker, key: Key, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a policy in RabbitMQ's form. Raises InvalidField."""
    checked = dict(fields)
    checked.setdefault("definition", {})
    check_changed(broker, key, checked)
    return checked


def check_changed(broker: Broker, key: Key, fields: Mapping[str, Any]) -> None:
    """Like `check`, but only for the given fields."""
    pattern = fields.get("pattern", "")
    if not isinstance(pattern, str):
        raise InvalidField("pattern", "The pattern must be text.")
    if reason := why_not_pattern(pattern, dialect_of(broker.status.erlang_version)):
        raise InvalidField("pattern", reason)
    if fields.get("apply_to", "all") not in APPLY_TO:
        raise InvalidField("apply_to", f"Apply to is one of {', '.join(APPLY_TO)}.")
    if "definition" in fields:
        _check_definition(fields["definition"])


def _check_definition(definition: Any) -> None:
    if not isinstance(definition, Mapping) or not definition:
        raise InvalidField("definition", "Set at least one key.")
    for name, value in definition.items():
        if "\0" in f"{name}{value}":
            raise InvalidField("definition", "A definition can't hold a NUL character.")


def notes(broker: Broker, key: Key, spec: Spec | None) -> Iterable[str]:
    """Yield what the policy would match, before it is set."""
    if spec is not None:
        yield matching(broker, key[0], spec).sentence


def dies(broker: Broker, key: Key, spec: Spec | None) -> Iterable[str]:
    """Yield what a deletion changes for queues and exchanges."""
    if spec is None:
        return
    found = matching(broker, key[0], spec)
    yield found.sentence
    if found.queues or found.exchanges:
        yield (
            "They lose its settings or get those of the matching policy with the next "
            "lower priority."
        )
