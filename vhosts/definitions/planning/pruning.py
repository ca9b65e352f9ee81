"""What a plan with pruning deletes because the file doesn't have it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from console.kinds.common.kind import Ref
from console.kinds.common.rows import Level
from console.kinds.registry import KINDS
from console.models import Broker
from console.reconcile.definitions.compare import prunable
from console.reconcile.definitions.read import Definitions, Finding
from vhosts.definitions.planning.ownership import Ownership

NOTHING_PRUNED = Finding(
    Level.WARNING,
    "",
    None,
    "",
    "Nothing is deleted, because some entries can't be read. Fix the file first.",
)


def missing_in(
    definitions: Definitions,
    observed: Mapping[Ref, Any],
    vhost: str | None,
    broker: Broker,
    ownership: Ownership | None,
) -> list[Ref]:
    """Return the objects on the broker that the file, or the folder, doesn't have."""
    if ownership is not None:
        return ownership.prunable(definitions.objects, observed)
    return list(prunable(definitions, observed, vhost=vhost, own_user=broker.username))


def standing_alone(doomed: Collection[Ref], there: Iterable[Ref]) -> set[Ref]:
    """Return those of `doomed` that nothing which stays on the broker stands on."""
    going = set(doomed)
    staying = (ref for ref in there if ref not in going)
    return going - {need for ref in staying for need in KINDS[ref.kind].stands_on(ref.key)}
