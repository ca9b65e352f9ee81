"""Specs written as a definitions file, in RabbitMQ's own format."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from console.kinds.base import KINDS, Ref
from console.reconcile.definitions.rows import INSIDE, KINDS_OF, SECTIONS

#: How the `explanation` of a file begins that lacks something of its broker.
EXPLAINED = "Left out, because it can't be read: "
_MOST_TOLD = 200


def emit_definitions(
    objects: Mapping[Ref, Mapping[str, Any]],
    *,
    version: str = "",
    vhost: str | None = None,
    secrets: bool = False,
    left_out: Sequence[str] = (),
) -> dict[str, Any]:
    """The objects in RabbitMQ's format, in one order. `left_out` is told in `explanation`, which every
    version passes over. `vhost` gives the form of a single virtual host,
    which has no users or permissions. Without `secrets` no password hash is in it; URIs are to be
    cleaned by the caller (console.reconcile.disclose)."""
    top: dict[str, Any] = {"rabbit_version": version, "rabbitmq_version": version}
    top["rabbitmq_definition_format"] = "cluster" if vhost is None else "single_virtual_host"
    if left_out:
        top["explanation"] = EXPLAINED + " · ".join(left_out[:_MOST_TOLD])
        if len(left_out) > _MOST_TOLD:
            top["explanation"] += f" · and {len(left_out) - _MOST_TOLD} more"
    sections: dict[str, list[dict[str, Any]]] = {
        name: [] for name in SECTIONS if vhost is None or name in INSIDE
    }
    for ref in sorted(objects):
        spec = dict(objects[ref])
        if vhost is not None:
            at = KINDS[ref.kind].vhost_at
            if at is None or ref.key[at] != vhost:
                continue
            if ref.kind == "vhost":
                top |= {"original_vhost_name": vhost, **spec}
        for section, row in _rows_of(ref, spec, secrets):
            if section in sections:
                sections[section].append(
                    row if vhost is None else {k: v for k, v in row.items() if k != "vhost"}
                )
    return {**top, **sections}


def _rows_of(ref: Ref, spec: dict[str, Any], secrets: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    kind, key = KINDS[ref.kind], ref.key
    named = dict(zip(kind.identity, key, strict=True))
    if kind.name == "vhost":
        limits = spec.get("limits")
        metadata = {
            k: v for k, v in spec.items() if k in ("description", "tags", "default_queue_type")
        }
        yield "vhosts", {**named, **spec, **({"metadata": metadata} if metadata else {})}
        if limits:
            yield (
                "parameters",
                {"component": "vhost-limits", "vhost": key[0], "name": "limits", "value": limits},
            )
    elif kind.name == "user":
        hidden = () if secrets else ("password_hash", "hashing_algorithm")
        yield "users", {**named, **{k: v for k, v in spec.items() if k not in hidden}}
    elif kind.name == "binding":
        yield "bindings", {**named, "arguments": json.loads(key[5])}
    elif kind.name in ("policy", "operator_policy"):
        row = {("apply-to" if k == "apply_to" else k): v for k, v in spec.items()}
        if kind.name == "policy":
            yield "policies", {**named, **row}
        else:
            yield "parameters", {"component": kind.name, **named, "value": row}
    elif kind.name == "parameter":
        yield "parameters", {**named, **spec}
    else:
        yield _SECTION_OF[kind.name], {**named, **spec}


_SECTION_OF = {
    kind: section for section, kinds in KINDS_OF.items() if len(kinds) == 1 for kind in kinds
}
