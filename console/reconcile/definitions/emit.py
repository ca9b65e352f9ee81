"""Write specs as a definitions file, in RabbitMQ's own format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from console.kinds.common.kind import Ref
from console.kinds.registry import KINDS, vhost_of
from console.reconcile.definitions.rows import INSIDE, SECTIONS
from console.reconcile.disclose import beside_secrets

#: The beginning of `explanation` in a file that doesn't contain everything of its broker.
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
    """Return the objects in RabbitMQ's format, in a fixed order.

    `left_out` is listed in `explanation`, which every version ignores. `vhost` selects the form of
    a single virtual host, which has no users or permissions. Without `secrets`, the result has no
    password hashes; the caller removes passwords from URIs (console.reconcile.disclose).
    """
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
