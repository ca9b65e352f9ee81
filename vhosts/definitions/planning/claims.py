"""Claim objects that are as in a folder of definitions and that it doesn't own yet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from console.engine.proposal import DesiredObject
from console.reconcile.diff import compare
from console.reconcile.disclose import told_spec
from vhosts.definitions.rights import right_for

if TYPE_CHECKING:
    from vhosts.definitions.planning.planner import Planner


def claims_of(planner: Planner) -> Iterator[DesiredObject]:
    """Yield a desired object, as it is on the broker, for each that only gets an owner. What the
    person may not edit is left out."""
    if planner.ownership is None:
        return
    for ref in planner.ownership.unclaimed(planner.unchanged):
        observed = planner.live.objects.get(ref)
        if observed is None or ref in planner.wanted:
            continue
        same = compare(ref, observed, observed)
        right, lacking = right_for(planner.user, planner.broker, same, observed, observed)
        if not lacking:
            yield DesiredObject(
                broker=planner.broker,
                ref=ref,
                spec=told_spec(ref.kind, observed),
                observed=observed,
                permission=right,
                source=planner.ownership.source,
            )
