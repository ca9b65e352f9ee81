"""What a plan with pruning deletes because the file doesn't have it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from console.kinds.common.kind import Ref
from console.kinds.common.rows import Level
from console.kinds.registry import KINDS, phrase
from console.models import Broker
from console.reconcile.definitions.compare import prunable
from console.reconcile.definitions.read import Definitions, Finding
from vhosts.definitions.planning.ownership import Ownership

_NAMED = 3
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
) -> tuple[list[Ref], dict[Ref, list[Ref]]]:
    """Return the objects on the broker that the file, or the folder, doesn't have. Those that a
    folder must leave because of what RabbitMQ would delete along with them come second."""
    if ownership is not None:
        return ownership.prunable(definitions.objects, observed)
    return list(prunable(definitions, observed, vhost=vhost, own_user=broker.username)), {}


def kept_for(ref: Ref, others: Sequence[Ref], visible: Sequence[Ref]) -> Finding:
    """Return why `ref` isn't deleted. `visible` are those of `others` that may be named."""
    named = ", ".join(phrase(one) for one in visible[:_NAMED])
    count = f"{len(others):,} object{'s' if len(others) != 1 else ''}"
    which = f" ({named}{', …' if len(others) > min(len(visible), _NAMED) else ''})" if named else ""
    sentence = (
        f"The {phrase(ref)} is not deleted: RabbitMQ would delete {count} with it that this folder "
        f"doesn't own{which}. Delete them first, or delete it by hand."
    )
    return Finding(Level.WARNING, "", None, "", sentence, ref)


def standing_alone(doomed: Collection[Ref], there: Iterable[Ref]) -> set[Ref]:
    """Return those of `doomed` that nothing which stays on the broker stands on."""
    going = set(doomed)
    staying = (ref for ref in there if ref not in going)
    return going - {need for ref in staying for need in KINDS[ref.kind].stands_on(ref.key)}
