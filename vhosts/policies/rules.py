"""Check policies by RabbitMQ's rules.

Sources: `rabbit_policy.erl`, `rabbit_policies.erl`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from accessctl.patterns.check import dialect_of, why_not_pattern
from console.errors import InvalidField
from console.faces.face import Rules
from console.kinds.common.kind import Key, Spec
from console.kinds.common.policies import APPLY_TO
from console.models import Broker
from vhosts.policies.what_if.notes import notes, notes_of_many


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


def dies(kind: str, broker: Broker, key: Key, spec: Spec | None) -> Iterable[str]:
    """Return what a deletion changes for queues and exchanges."""
    return notes(kind, broker, key, None)


def rules_of(kind: str) -> Rules:
    """Return the rules of policies or operator policies."""
    return Rules(
        check=check,
        check_changed=check_changed,
        notes_of_many=notes_of_many,
        dies=partial(dies, kind),
    )
