"""Which changes, steps and managed objects a person may see.

A step is about one object: in a virtual host, or of the whole broker (users). People see a change
if they see one of its steps or are its author. Its other steps are counted but not shown.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from accessctl.authorize import AnyUser
from accessctl.reach import Reach, reach_of
from accessctl.rights import Permission
from console.engine.order import blockers
from console.kinds.registry import KINDS
from console.models import (
    OPEN_CHANGES,
    OPEN_STEPS,
    Change,
    ChangeState,
    ManagedObject,
    Step,
    StepState,
    Sync,
)


def _where(reach: Reach, permission: Permission, prefix: str) -> Q:
    """Return the condition on objects of the broker `broker` with `{prefix}kind` and
    `{prefix}key`."""
    whole = reach.objects(permission, vhost="")
    if not reach.is_partial or not whole:
        return whole
    found = whole
    for at in sorted({kind.vhost_at for kind in KINDS.values() if kind.vhost_at is not None}):
        names = [kind.name for kind in KINDS.values() if kind.vhost_at == at]
        inside = reach.objects(permission, vhost=f"{prefix}key__{at}")
        found |= Q(**{f"{prefix}kind__in": names}) & inside
    return found


def steps_seen_by(user: AnyUser, permission: Permission = Permission.CHANGES_VIEW) -> Q:
    """Return the condition on steps, including those of the user's own changes."""
    reach = reach_of(user)
    own = Q(change__author=user.pk) if reach.active else Q(pk__in=[])
    found = _where(reach, permission, "target__")
    # An empty condition means everything, and Django ignores it in an OR.
    return own | found if found else found


def changes_seen_by(user: AnyUser) -> QuerySet[Change]:
    reach = reach_of(user)
    if not reach.active:
        return Change.objects.none()
    if reach.everything and reach.lets(Permission.CHANGES_VIEW):
        return Change.objects.all()
    own = Q(author=user.pk)
    seen = Step.objects.filter(
        _where(reach, Permission.CHANGES_VIEW, "target__"), change=OuterRef("pk")
    )
    return Change.objects.filter(own | Exists(seen))


def blockers_seen_by(
    user: AnyUser, change: Change, steps: Sequence[Step]
) -> dict[int, Step | None]:
    """Return the blockers of the change's steps that wait for an earlier change.

    The key is the waiting step's ID. The value is the step that it waits for; None if the user may
    not see that one. `steps` need their targets loaded.
    """
    if change.state not in OPEN_CHANGES:
        return {}
    found: dict[int, Step] = {}
    open_steps = [step for step in steps if step.state in OPEN_STEPS]
    for broker_id in {step.broker_id for step in open_steps}:
        found |= blockers(change, [step for step in open_steps if step.broker_id == broker_id])
    if not found:
        return {}
    ids = {blocker.pk for blocker in found.values()}
    seen = Step.objects.filter(steps_seen_by(user), pk__in=ids).values_list("pk", flat=True)
    visible = set(seen)
    return {pk: blocker if blocker.pk in visible else None for pk, blocker in found.items()}


def may_stop(user: AnyUser, change: Change) -> bool:
    """Return whether the user may stop the change: its author may, and anybody with changes:stop
    on everything that it touches."""
    reach = reach_of(user)
    if reach.active and change.author_id is not None and change.author_id == user.pk:
        return True
    if not reach.has(Permission.CHANGES_STOP):
        return False
    steps = Step.objects.filter(change=change)
    # Counts are compared, because exclude() with an empty condition, which means everything,
    # excludes nothing.
    return steps.count() == steps.filter(_where(reach, Permission.CHANGES_STOP, "target__")).count()


def managed_seen_by(
    user: AnyUser, permission: Permission = Permission.DRIFT_VIEW
) -> QuerySet[ManagedObject]:
    return ManagedObject.objects.filter(_where(reach_of(user), permission, ""))


def changes_to_look_at(user: AnyUser) -> int:
    """Return the number of changes that wait for a broker or need confirmation."""
    asking = Step.objects.filter(state=StepState.NEEDS_CONFIRMATION, change=OuterRef("pk")).filter(
        generation=F("target__generation")
    )
    return changes_seen_by(user).filter(Q(state=ChangeState.WAITING) | Exists(asking)).count()


def drifted(user: AnyUser) -> int:
    """Return the number of objects that differ from their desired state."""
    return managed_seen_by(user).filter(sync=Sync.DRIFTED).count()
