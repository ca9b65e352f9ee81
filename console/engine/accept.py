"""Accept a change.

A `Proposal` is planned once. Accepting it is one transaction that stores the desired objects, their
steps and their audit rows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction

from console.audit import record_change
from console.engine.acts.request import act_step, handles
from console.engine.applying.crashpoints import crashpoint
from console.engine.notify import ring
from console.engine.proposal import DesiredObject, Proposal
from console.engine.proposals import judge
from console.engine.proposals.owned import record_broken_glass, refuse_hand_edits
from console.engine.proposals.token import token_of
from console.errors import AlreadyThere
from console.kinds.common.kind import Op
from console.kinds.registry import KINDS
from console.models import Change, ManagedObject, Step, Sync
from console.rabbitmq.endpoint import Secret
from console.reconcile.diff import Difference
from console.reconcile.disclose import beside_secrets, public_change, public_spec
from console.secrets import encrypt

#: How long a confirmed deletion or act may wait for its broker before it needs a new confirmation.
DELETION_GOOD_FOR = timedelta(hours=1)


def accept(proposal: Proposal, *, now: datetime, acting_user: User) -> Change:
    """Store the change and return it; a worker applies it later.

    A repeated idempotency key returns the first change. Raises InvalidField, AlreadyThere, Stale,
    IdempotencyMismatch, OwnedByFile. The caller has authorized the acts; each desired object's
    permission is checked again before its step is applied.
    """
    plans = proposal.plans
    digest = proposal.digest()
    for desired in proposal.desired_objects:
        if desired.taken:
            raise AlreadyThere(
                f"The name {desired.ref.key[-1]} can't be used on {desired.broker.name}. "
                "Choose another name."
            )
    with transaction.atomic():
        change, new = _first_of_key(proposal, digest, now, acting_user)
        if not new:
            return change
        targets = _locked_targets(proposal.desired_objects)
        broken = refuse_hand_edits(proposal, list(targets.values()))
        ordinal = 0
        steps: list[Step] = []
        for broker, plan in plans.items():
            desired_objects = {
                desired.ref: desired
                for desired in proposal.desired_objects
                if desired.broker.pk == broker.pk
            }
            for difference in plan.all_steps:
                desired = desired_objects[difference.ref]
                target = _wished(targets[_identity(desired)], desired)
                ordinal += 1
                steps.append(_step(change, ordinal, target, desired, difference, now))
        targets_of_acts = handles(proposal.acts)
        for requested in proposal.acts:
            named = targets_of_acts[requested.broker.pk, requested.ref.kind, requested.ref.key]
            ordinal += 1
            steps.append(act_step(change, ordinal, named, requested, now, DELETION_GOOD_FOR))
        desired_steps = [step for step in steps if not step.is_act]
        # An upsert by primary key, because bulk_update would build a CASE with every row.
        ManagedObject.objects.bulk_create(
            [step.target for step in desired_steps],
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=[
                "spec", "generation", "sync", "reason", "drift", "drifted_since", "updated_at",
                "source", "source_revision",
            ],
            batch_size=1000,
        )  # fmt: skip
        if proposal.reverts:
            change.reverts.set(Change.objects.filter(pk__in=proposal.reverts))
        _forget_earlier_secrets(desired_steps)
        Step.objects.bulk_create(steps, batch_size=1000)
        record_change(change, steps, acting_user=acting_user)
        record_broken_glass(broken, change, acting_user=acting_user)
        crashpoint("before-accept-commit")
        brokers = {step.broker_id for step in steps}
        transaction.on_commit(lambda: ring(brokers))
    crashpoint("after-accept-commit")
    return change


def _first_of_key(
    proposal: Proposal, digest: str, now: datetime, acting_user: User
) -> tuple[Change, bool]:
    wanted = {
        "created_at": now,
        "author_name": acting_user.get_username(),
        "token_id_then": token_of(acting_user),
        "origin": proposal.origin,
        "title": proposal.title[:500],
        "reason": proposal.reason,
        "request_digest": digest,
    }
    if not proposal.idempotency_key:
        return Change.objects.create(author=acting_user, **wanted), True
    change, new = Change.objects.get_or_create(
        author=acting_user, idempotency_key=proposal.idempotency_key, defaults=wanted
    )
    if not new:
        judge.refuse_other_request(change, digest)
    return change, new


def _identity(desired: DesiredObject) -> tuple[int, str, tuple[str, ...]]:
    return (desired.broker.pk, desired.ref.kind, desired.ref.key)


def _locked_targets(
    desired_objects: Sequence[DesiredObject],
) -> dict[tuple[int, str, tuple[str, ...]], ManagedObject]:
    """Return the rows of the desired objects, created where missing, by broker, kind and key. Rows
    are locked in a fixed order, so that two requests can't deadlock."""
    found: dict[tuple[int, str, tuple[str, ...]], ManagedObject] = {}
    ordered = sorted({_identity(desired) for desired in desired_objects})
    ManagedObject.objects.bulk_create(
        [
            ManagedObject(broker_id=broker, kind=kind, key=list(key), generation=0)
            for broker, kind, key in ordered
        ],
        ignore_conflicts=True,
        batch_size=1000,
    )
    for broker, kind in sorted({(broker, kind) for broker, kind, _ in ordered}):
        keys = [key for b, k, key in ordered if (b, k) == (broker, kind)]
        rows = ManagedObject.objects.with_keys(keys).filter(broker=broker, kind=kind)
        for row in rows.select_for_update().order_by("pk"):
            found[broker, kind, tuple(row.key)] = row
    return found


def _wished(target: ManagedObject, desired: DesiredObject) -> ManagedObject:
    judge.refuse_stale(desired, target.generation)
    kind = KINDS[desired.ref.kind]
    if desired.spec is None:
        target.spec = None
    else:
        public = public_spec(kind.name, kind.canonical(desired.spec))
        # What belongs to a secret, such as a hash's algorithm, is known only with the secret.
        target.spec = {k: v for k, v in public.items() if k not in beside_secrets(kind.name)}
    if desired.source is not None:
        kept = desired.spec is not None
        target.source = desired.source.name if kept else ""
        target.source_revision = desired.source.revision if kept else ""
    target.generation += 1
    target.sync = Sync.PENDING
    target.reason = ""
    target.drift = []
    target.drifted_since = None
    return target


def _forget_earlier_secrets(steps: Sequence[Step]) -> None:
    """Clear the secrets of earlier ended steps of the same objects. This change replaces them, so
    they can't be retried."""
    earlier = Step.objects.filter(target__in=[step.target.pk for step in steps])
    earlier.exclude(finished_at=None).exclude(secrets_encrypted="").update(secrets_encrypted="")


def _step(
    change: Change,
    ordinal: int,
    target: ManagedObject,
    desired: DesiredObject,
    difference: Difference,
    now: datetime,
) -> Step:
    destructive = difference.op in (Op.DELETE, Op.REPLACE)
    return Step(
        change=change,
        ordinal=ordinal,
        broker=desired.broker,
        target=target,
        op=difference.op.value,
        generation=target.generation,
        permission=desired.permission,
        secrets_encrypted=encrypt(Secret(json.dumps(dict(desired.secrets))))
        if desired.secrets
        else "",
        before=None
        if desired.observed is None
        else public_spec(desired.ref.kind, desired.observed),
        after=None if desired.spec is None else public_spec(desired.ref.kind, desired.spec),
        fields=[
            {"name": f.name, "before": f.before, "after": f.after, "secret": f.secret}
            for f in (public_change(desired.ref.kind, change) for change in difference.fields)
        ],
        guard=dict(desired.guard),
        not_after=now + DELETION_GOOD_FOR if destructive else None,
        next_at=now,
    )
