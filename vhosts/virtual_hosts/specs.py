"""What is seen of vhosts, as the specs that are compared and asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from console.kinds.common.kind import Key, Spec
from console.models import Broker
from vhosts.models import VirtualHost


def seen_vhosts(broker: Broker, names: Iterable[str] | None = None) -> dict[Key, Spec]:
    """By (name,); all of the broker's where `names` is None. What a version does not tell is left out."""
    rows = VirtualHost.objects.filter(broker=broker)
    if names is not None:
        rows = rows.filter(name__in=list(names))
    return {(row.name,): spec_of(row) for row in rows.iterator()}


def spec_of(row: VirtualHost) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "description": row.description,
        "tags": list(row.tags),
        "default_queue_type": row.default_queue_type or None,
        "limits": dict(row.limits),
    }
    if row.tracing is not None:
        spec["tracing"] = row.tracing
    if row.protected_from_deletion is not None:
        spec["protected_from_deletion"] = row.protected_from_deletion
    return spec
