"""A requested act, and the step that it becomes when it is accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from console.kinds.common.acts import Act
from console.kinds.common.kind import Ref
from console.kinds.registry import KINDS
from console.models import Broker, Change, ManagedObject, Step, Sync


@dataclass(frozen=True, kw_only=True)
class RequestedAct:
    """An act on one object. `act` is its name in `Kind.acts`. `guard` is what it was confirmed to
    lose, by `Act.loses`. `notes` are sentences for the preview."""

    broker: Broker
    ref: Ref
    act: str
    permission: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    guard: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def kind_act(self) -> Act:
        return KINDS[self.ref.kind].acts[self.act]

    def identity(self) -> list[Any]:
        """Return what distinguishes it from other acts, for digests."""
        return [self.broker.pk, self.ref.kind, [*self.ref.key], self.act, dict(self.parameters)]


def handles(acts: Sequence[RequestedAct]) -> dict[tuple[int, str, tuple[str, ...]], ManagedObject]:
    """Return the row that names each act's object, by broker, kind and key. A row that is made for
    an act is retired: it has no desired state, and the object stays unmanaged."""
    wanted = sorted({(one.broker.pk, one.ref.kind, one.ref.key) for one in acts})
    ManagedObject.objects.bulk_create(
        [
            ManagedObject(
                broker_id=broker, kind=kind, key=list(key), generation=0, sync=Sync.RETIRED
            )
            for broker, kind, key in wanted
        ],
        ignore_conflicts=True,
        batch_size=1000,
    )
    found: dict[tuple[int, str, tuple[str, ...]], ManagedObject] = {}
    for broker, kind in sorted({(broker, kind) for broker, kind, _ in wanted}):
        keys = [key for b, k, key in wanted if (b, k) == (broker, kind)]
        for row in ManagedObject.objects.with_keys(keys).filter(broker=broker, kind=kind):
            found[broker, kind, tuple(row.key)] = row
    return found


def act_step(
    change: Change,
    ordinal: int,
    target: ManagedObject,
    requested: RequestedAct,
    now: datetime,
    good_for: timedelta,
) -> Step:
    """Return the step, not stored. It needs a new confirmation if it isn't sent within
    `good_for`."""
    return Step(
        change=change,
        ordinal=ordinal,
        broker=requested.broker,
        target=target,
        op=requested.act,
        generation=target.generation,
        permission=requested.permission,
        parameters=dict(requested.parameters),
        guard=dict(requested.guard),
        not_after=now + good_for,
        next_at=now,
    )


def requested_again(step: Step) -> RequestedAct:
    """Return the act of a step that ended without being sent."""
    return RequestedAct(
        broker=step.broker,
        ref=Ref(step.target.kind, tuple(step.target.key)),
        act=step.op,
        permission=step.permission,
        parameters=step.parameters,
        guard=step.guard,
    )
