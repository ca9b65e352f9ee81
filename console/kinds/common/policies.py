"""What policies and operator policies have in common: a pattern, a priority and a definition.

Sources: `rabbit_mgmt_wm_policy.erl`, `rabbit_mgmt_wm_operator_policy.erl`, `rabbit_policy.erl`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from console.kinds.common.kind import Field, Key, Line, Spec, SpecError, Step
from console.kinds.common.rows import Row, some
from console.kinds.common.shell import quoted_pattern, shell_word
from console.kinds.common.values import integer, table, text
from console.kinds.common.wire import Body, Named

APPLY_TO = ("all", "classic_queues", "exchanges", "queues", "quorum_queues", "streams")
ROW_KEYS = frozenset({"name", "vhost", "pattern", "apply-to", "priority", "definition"})
FIELDS = (
    Field("pattern", "", text),
    Field("apply_to", "all", text, label="apply to"),
    Field("priority", 0, integer),
    Field("definition", {}, table),
)


def spec_of(row: Row) -> Row:
    """Return the spec of a row of the management API."""
    return {
        "pattern": row.get("pattern", ""),
        "apply_to": row.get("apply-to", "all"),
        # The broker accepts any JSON number.
        "priority": int(row.get("priority") or 0),
        "definition": row.get("definition") or {},
    }


def row_of(spec: Mapping[str, Any]) -> Row:
    """Return a spec with RabbitMQ's field names: `apply-to`."""
    return {("apply-to" if name == "apply_to" else name): value for name, value in spec.items()}


def _body(key: Key, spec: Spec) -> Body:
    return row_of(spec)


def wire(collection: str) -> Named:
    """Return the wire of `/api/<collection>`."""
    return Named(collection, ("vhost", "name"), spec=spec_of, body=_body)


def spec_of_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the spec of a row of a definitions file. Fields that the row lacks are left out.
    Raises SpecError."""
    spec = some(row, "pattern", "priority", "definition")
    if "apply-to" in row:
        spec["apply_to"] = row["apply-to"]
    if not isinstance(row.get("pattern"), str):
        raise SpecError("pattern", "pattern is missing or isn't text.")
    if spec.get("apply_to", "all") not in APPLY_TO:
        raise SpecError("apply-to", f"apply-to must be one of {', '.join(APPLY_TO)}.")
    if not isinstance(row.get("definition"), dict) or not row["definition"]:
        raise SpecError(
            "definition", "A policy's definition must be an object with at least one key."
        )
    return spec


def commands(set_name: str, clear_name: str) -> Callable[[Step], Sequence[Line]]:
    """Return `Kind.rabbitmqctl` for these two commands of rabbitmqctl."""

    def rabbitmqctl(step: Step) -> Sequence[Line]:
        vhost, name = map(shell_word, step.key)
        spec = step.spec
        if spec is None:
            return [[clear_name, "-p", vhost, name]]
        definition = shell_word(json.dumps(spec["definition"], ensure_ascii=False))
        return [
            [
                set_name, "-p", vhost, "--priority", str(spec["priority"]),
                "--apply-to", shell_word(spec["apply_to"]), name,
                quoted_pattern(spec["pattern"]), definition,
            ]
        ]  # fmt: skip

    return rabbitmqctl
