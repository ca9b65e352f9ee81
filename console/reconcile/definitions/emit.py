"""Specs written as a definitions file, in RabbitMQ's own format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from console.kinds.common.kind import Ref
from console.kinds.registry import KINDS, vhost_of
from console.reconcile.definitions.rows import INSIDE, SECTIONS
from console.reconcile.disclose import beside_secrets

#: How the `explanation` of a file begins that lacks something of its broker.
EXPLAINED = "Left out because it can't be read: "
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
        kind, spec = KINDS[ref.kind], dict(objects[ref])
        if vhost is not None:
            if vhost_of(ref) != vhost:
                continue
            if kind.is_container:
                top |= {"original_vhost_name": vhost, **spec}
        if not secrets:
            spec = {k: v for k, v in spec.items() if k not in beside_secrets(ref.kind)}
        for section, row in kind.section.emit(ref.key, spec):
            if section in sections:
                sections[section].append(
                    row if vhost is None else {k: v for k, v in row.items() if k != "vhost"}
                )
    return {**top, **sections}
