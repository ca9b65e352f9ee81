"""Check policies by RabbitMQ's rules, and find the queues and exchanges that one applies to.

Sources: `rabbit_policy.erl`, `rabbit_policies.erl`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from accessctl.patterns.check import dialect_of, preview, why_not_pattern
from console.engine.supported import facts_of_version
from console.errors import InvalidField
from console.faces.pages.words import counted, listed
from console.kinds.common.kind import Key, Spec
from console.kinds.common.policies import APPLY_TO
from console.kinds.refusals.policy_targets import may_apply_to, unsupported_keys
from console.models import Broker
from vhosts.models import Exchange, Queue

#: Maximum number of names matched against a pattern, so that no page waits longer.
_MOST = 50_000
_SAMPLE = 5
_WITH_EXCHANGES = ("all", "exchanges")


@dataclass(frozen=True, slots=True)
class Matching:
    """The numbers of queues and exchanges that a policy applies to. `refused` says why the count is
    incomplete; None if it is complete. `unsuited` queues have a matching name, but a type that
    doesn't support one of the `keys`."""

    queues: int
    exchanges: int
    sample: tuple[str, ...]
    refused: str | None = None
    unsuited: int = 0
    keys: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        if self.refused:
            return f"What it matches is unknown: {self.refused}"
        if not self.queues and not self.exchanges:
            return f"It matches no queues or exchanges.{self._left_out}"
        parts = [
            counted(number, noun)
            for number, noun in ((self.queues, "queue"), (self.exchanges, "exchange"))
            if number
        ]
        named = ", ".join(self.sample)
        more = " and more" if self.queues + self.exchanges > len(self.sample) else ""
        return f"It matches {' and '.join(parts)}: {named}{more}.{self._left_out}"

    @property
    def _left_out(self) -> str:
        if not self.unsuited:
            return ""
        return (
            f" It doesn't apply to {counted(self.unsuited, 'queue')} with a matching name, whose type doesn't "
            f"support {listed(self.keys)}."
        )


def matching(broker: Broker, vhost: str, spec: Spec) -> Matching:
    """Of what was last seen in the virtual host; two queries. A queue whose type doesn't support one of the
    keys isn't the policy's."""
    # An empty pattern matches every name.
    pattern = spec.get("pattern") or "(?:)"
    apply_to = spec.get("apply_to", "all")
    dialect = dialect_of(broker.status.erlang_version)
    rows = Queue.objects.present().filter(broker=broker, vhost=vhost).order_by("name")
    by_type: dict[str, list[str]] = {}
    if apply_to != "exchanges":
        for name, of_type in rows.values_list("name", "type")[:_MOST]:
            if may_apply_to(apply_to, of_type):
                by_type.setdefault(of_type, []).append(name)
    facts, definition = facts_of_version(broker), spec.get("definition") or {}
    queues: list[str] = []
    unsuited, keys = 0, set()
    for of_type, names in by_type.items():
        lacking = unsupported_keys(definition, of_type, facts)
        if not lacking:
            queues += names
        elif number := preview(pattern, names, 0, dialect=dialect).count:
            unsuited += number
            keys.update(lacking)
    exchanges: list[str] = []
    if apply_to in _WITH_EXCHANGES:
        named = Exchange.objects.filter(broker=broker, vhost=vhost).exclude(name="")
        exchanges = list(named.order_by("name").values_list("name", flat=True)[:_MOST])
    of_queues = preview(pattern, sorted(queues), _SAMPLE, dialect=dialect)
    of_exchanges = preview(pattern, exchanges, _SAMPLE, dialect=dialect)
    return Matching(
        of_queues.count,
        of_exchanges.count,
        (*of_queues.sample, *of_exchanges.sample)[:_SAMPLE],
        of_queues.refused or of_exchanges.refused,
        unsuited,
        tuple(sorted(keys)),
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
