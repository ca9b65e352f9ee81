"""Stop a change, and retry the steps of it that weren't done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction

from console.audit import record
from console.engine.accept import accept
from console.engine.acts.request import requested_again
from console.engine.applying.attempt import secrets_of
from console.engine.notify import ring
from console.engine.ports import AUTHORIZE
from console.engine.proposal import DesiredObject, Proposal
from console.engine.steps.stop import stop_requested
from console.errors import ConsoleError, NotAllowed
from console.kinds.common.kind import Key, Ref, Spec
from console.models import (
    OPEN_CHANGES,
    OPEN_STEPS,
    Broker,
    BrokerLease,
    Change,
    ChangeState,
    Step,
    StepState,
)

#: Returns the observed specs of objects of a broker; see console.faces.seen.
Seen = Callable[[Broker, str, Sequence[Key]], Mapping[Key, Spec]]
RETRIED = (StepState.REJECTED, StepState.STOPPED)
#: The value of accessctl.rights.Permission.VHOSTS_LIMIT, which is in a higher layer.
_SETS_LIMITS = "vhosts:limit"
CONFIRMED = (StepState.NEEDS_CONFIRMATION,)
#: How long a rejected step keeps its password, so that it can be retried.
KEPT_FOR = timedelta(days=1)


class NothingLeft(ConsoleError):
    """Nothing of the change is left to stop or retry."""

    code = "nothing_left"
    http_status = 409


def stop_change(change: Change, *, now: datetime, acting_user: User) -> None:
    """End the steps of which nothing was sent, and let no other step begin. Steps that may have
    been sent are read back and end with that; nothing more is sent for them. Raises NothingLeft if
    the change has ended.
    """
    with transaction.atomic():
        brokers = list(
            Broker.objects.filter(
                pk__in=Step.objects.filter(change=change, state__in=OPEN_STEPS).values("broker")
            ).order_by("pk")
        )
        # Lock in the same order as the workers: the lease's row, the steps, the change.
        list(BrokerLease.objects.select_for_update().filter(broker__in=brokers).order_by("broker"))
        list(
            Step.objects.select_for_update()
            .filter(change=change, state__in=OPEN_STEPS)
            .order_by("pk")
            .values_list("pk")
        )
        change = Change.objects.select_for_update().get(pk=change.pk)
        if change.state not in OPEN_CHANGES:
            raise NothingLeft("This change has already ended, so there is nothing to stop.")
        if change.stop_requested_at is None:
            change.stop_requested_at = now
            change.save(update_fields=["stop_requested_at"])
            record(
                "change:stop",
                target_kind="change",
                target=change.title,
                acting_user=acting_user,
                reason=f"Change {change.pk}",
            )
        for broker in brokers:
            stop_requested(broker, now=now)
        transaction.on_commit(lambda: ring({broker.pk for broker in brokers}))


def ask_again(
    change: Change,
    states: Iterable[StepState],
    *,
    seen: Seen,
    origin: str,
    now: datetime,
    acting_user: User,
) -> Change:
    """Create a new change with the desired objects whose steps ended in one of `states`.

    Objects with a newer change are left out. A step that the broker rejected keeps its password for
    KEPT_FOR, so that it can be retried; a step without its password is left out too, and is named
    if nothing else is left. Raises NothingLeft, NotAllowed, InvalidField.
    """
    found = list(
        change.steps.filter(state__in=list(states)).select_related("target", "broker__status")
    )
    acts = [step for step in found if step.is_act]
    steps = [step for step in found if not step.is_act]
    latest = [step for step in steps if step.generation == step.target.generation]
    kept = [step for step in latest if not needs_password(step)]
    if not kept and not acts:
        raise NothingLeft(_why_nothing(steps, latest))
    placed = list(_with_seen(kept, seen))
    for step, observed in [*placed, *((step, None) for step in acts)]:
        _authorize(step, observed, acting_user)
    proposal = Proposal(
        title=change.title if change.title.startswith("Again: ") else f"Again: {change.title}",
        desired_objects=[_wish(step, observed) for step, observed in placed],
        acts=[requested_again(step) for step in acts],
        origin=origin,
        reason=change.reason,
    )
    return accept(proposal, now=now, acting_user=acting_user)


def needs_password(step: Step) -> bool:
    """Whether the step was to send a secret that is no longer stored."""
    if step.after is None or step.secrets_encrypted:
        return False
    return any(field.get("secret") for field in step.fields)


def forget_secrets(now: datetime) -> int:
    """Delete the passwords of steps that were rejected too long ago to be retried; return how
    many."""
    ended = Change.objects.filter(finished_at__lt=now - KEPT_FOR).exclude(state=ChangeState.DONE)
    kept = Step.objects.filter(change__in=ended).exclude(secrets_encrypted="")
    return kept.update(secrets_encrypted="")


def _why_nothing(steps: Sequence[Step], latest: Sequence[Step]) -> str:
    if latest:
        return "The console no longer stores their passwords. Edit the users and set new passwords."
    if steps:
        return "Each of these objects has a newer change, so there is nothing to retry."
    return "This change has no such step."


def _authorize(step: Step, observed: Spec | None, user: User) -> None:
    """Check that the user has the rights that the first author needed: the step's own, and the
    right to set limits if it sets any. Raises NotAllowed."""
    may = AUTHORIZE.ask
    needed = [step.permission]
    wanted = (step.after or {}).get("limits", {})
    if step.after is not None and wanted != (observed or {}).get("limits", {}):
        needed.append(_SETS_LIMITS)
    for permission in needed:
        if not may(user, permission, step.broker, step.target.kind, step.target.key):
            raise NotAllowed(
                f"You aren't allowed to do this here (requires {permission}).",
                {"permission": permission},
            )


def _with_seen(steps: Sequence[Step], seen: Seen) -> Iterable[tuple[Step, Spec | None]]:
    by_kind: dict[tuple[int, str], list[Step]] = {}
    for step in steps:
        by_kind.setdefault((step.broker_id, step.target.kind), []).append(step)
    for (_, kind), group in by_kind.items():
        found = seen(group[0].broker, kind, [tuple(step.target.key) for step in group])
        for step in group:
            yield step, found.get(tuple(step.target.key), None if found else step.before)


def _wish(step: Step, observed: Spec | None) -> DesiredObject:
    return DesiredObject(
        broker=step.broker,
        ref=Ref(step.target.kind, tuple(step.target.key)),
        spec=step.after,
        observed=observed,
        permission=step.permission,
        secrets=secrets_of(step) or None,
        expected_generation=step.target.generation,
        guard=step.guard,
    )
