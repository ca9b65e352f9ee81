"""What finished steps did, as stored: the events of changes, and what of them can't come back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from console.engine.applying.outcome import reference
from console.engine.revert.fold import Event
from console.kinds.common.kind import Op, Ref
from console.kinds.registry import KINDS, phrase
from console.models import OPEN_STEPS, Broker, Change, DeletedWith, Step, StepState
from console.reconcile.dependents import hanging_on

#: Most steps that one revert undoes.
MOST_STEPS = 20_000
_DONE_BY_STEPS = frozenset(str(op) for op in Op)


@dataclass(slots=True)
class BrokerHistory:
    """What the steps did on one broker, in the order in which they happened. `fallen` are the
    objects that were deleted along with others; `lost` are sentences about what can't come back.
    """

    broker: Broker
    events: list[Event] = field(default_factory=list)
    fallen: set[Ref] = field(default_factory=set)
    #: Virtual hosts and users that were deleted, with what was recorded of what was in them.
    emptied: set[Ref] = field(default_factory=set)
    lost: dict[str, None] = field(default_factory=dict)
    #: Objects whose password or other secret was changed.
    secrets: set[Ref] = field(default_factory=set)


def applied_steps(changes: Iterable[UUID]) -> QuerySet[Step]:
    """Return what these changes really did: their applied steps, in that order."""
    return _in_order(Step.objects.filter(change__in=list(changes), state=StepState.APPLIED))


def histories_of(steps: Iterable[Step], brokers: Mapping[int, Broker]) -> list[BrokerHistory]:
    """Return the history of each broker. Two queries beside the one of `steps`."""
    listed = list(steps)
    along = DeletedWith.objects.filter(step__in=[step.pk for step in listed if _deletes(step)])
    fell = {one.step_id: one for one in along}
    found: dict[int, BrokerHistory] = {}
    for step in listed:
        history = found.setdefault(step.broker_id, BrokerHistory(brokers[step.broker_id]))
        _add(history, step, fell.get(step.pk))
    return list(found.values())


def _deletes(step: Step) -> bool:
    return step.after is None or step.op == Op.REPLACE


def _add(history: BrokerHistory, step: Step, along: DeletedWith | None) -> None:
    ref = reference(step)
    if step.op not in _DONE_BY_STEPS:
        history.lost[f"Can't be undone: {step.op.replace('_', ' ')} {phrase(ref)}."] = None
        return
    if _deletes(step) and step.before is not None and any(hanging_on(ref)):
        _add_fallen(history, ref, along)
    if step.op != Op.CREATE and step.after is not None and _sets_secret(step):
        history.secrets.add(ref)
    history.events.append(Event(ref, step.before, step.after))


def _sets_secret(step: Step) -> bool:
    return any(one.get("secret") for one in step.fields)


def _add_fallen(history: BrokerHistory, ref: Ref, along: DeletedWith | None) -> None:
    if along is None:
        history.lost[
            f"What was deleted with the {phrase(ref)} wasn't recorded, so it can't be created again."
        ] = None
        return
    if along.left_out:
        history.lost[
            f"{along.left_out} more objects were deleted with the {phrase(ref)}; only the first "
            f"{len(along.objects_then)} were recorded."
        ] = None
    if KINDS[ref.kind].is_container:
        history.emptied.add(ref)
    history.lost |= dict.fromkeys(along.lost)
    for kind, key, spec in along.objects_then:
        inner = Ref(kind, tuple(key))
        if kind in KINDS:
            history.fallen.add(inner)
            history.events.append(Event(inner, spec, None))


def steps_since(broker: Broker, since: datetime, vhost: str | None) -> QuerySet[Step]:
    """Return the steps that were applied on the broker from `since` on, in that order; with `vhost`,
    only of that virtual host and what is in it."""
    steps = Step.objects.filter(broker=broker, state=StepState.APPLIED, finished_at__gte=since)
    return _in_order(steps if vhost is None else steps.filter(_in_vhost(vhost)))


def open_changes_on(broker: Broker, vhost: str | None) -> QuerySet[Change]:
    """Return the changes that are still being applied there."""
    steps = Step.objects.filter(broker=broker, state__in=OPEN_STEPS)
    steps = steps if vhost is None else steps.filter(_in_vhost(vhost))
    return Change.objects.filter(pk__in=steps.values("change"))


def _in_order(steps: QuerySet[Step]) -> QuerySet[Step]:
    ordered = steps.select_related("target", "change")
    return ordered.order_by("finished_at", "change__created_at", "ordinal")


def _in_vhost(vhost: str) -> Q:
    found = Q(pk__in=[])
    for kind in KINDS.values():
        if kind.vhost_at is not None:
            found |= Q(target__kind=kind.name, **{f"target__key__{kind.vhost_at}": vhost})
    return found
