"""One attempt at a step: read, call the broker, and determine the outcome."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from console.engine.applying.before_call import grown, unsupported, without_call
from console.engine.applying.broker_objects import BrokerObjects
from console.engine.applying.crashpoints import crashpoint
from console.engine.applying.outcome import Outcome, outcome_of_error, reference, unread
from console.engine.applying.recheck import read_fresh
from console.engine.ports import Judge
from console.kinds.common.kind import Key, Op, Ref, Spec
from console.kinds.registry import KINDS
from console.models import Step
from console.rabbitmq.errors import (
    BrokerError,
    PathRewritten,
    UnaddressableName,
)
from console.reconcile.diff import Difference, compare
from console.reconcile.disclose import whole_spec, without_secrets_of
from console.secrets import decrypt

#: Errors raised before a call is sent.
_NOT_SENT = (UnaddressableName, PathRewritten)
#: After this many broker failures in a row, a person has to look.
MOST_BROKER_FAILURES = 5


#: Code for a request that the broker accepted but didn't apply.
NOT_APPLIED = "not_applied"


def desired_of(step: Step, before: Spec | None) -> Spec | None:
    """Return the spec that the object should have. Secrets stay as on the broker unless the step
    has new ones, because a PUT of a user without a password would clear it."""
    spec: Spec | None = step.target.spec
    if spec is None:
        return None
    return whole_spec(step.target.kind, spec, secrets_of(step), before)


def secrets_of(step: Step) -> dict[str, str]:
    if not step.secrets_encrypted:
        return {}
    return dict(json.loads(decrypt(step.secrets_encrypted).reveal()))


def act(
    store: BrokerObjects, step: Step, before: Spec | None, judge: Judge | None = None
) -> Outcome:
    """Call the broker if the observed state differs from the desired state. With a `judge`, the
    object is read once more, and nothing is sent if the author may no longer do it. Never raises a
    BrokerError.
    """
    ref = reference(step)
    if judge is not None:
        try:
            fresh = read_fresh(store, ref)
        except BrokerError as error:
            return unread(ref, error)
        before = fresh.spec
        if reason := judge(step, fresh, desired_of(step, before)):
            return Outcome("rejected", reason, "not_allowed")
    desired = desired_of(step, before)
    difference = compare(ref, desired, before)
    if outcome := without_call(step, difference, before):
        return outcome
    if outcome := unsupported(store, step, difference):
        return outcome
    if (outcome := grown(store, step, difference)) is not None:
        return outcome
    try:
        crashpoint("before-call")
        if difference.op in (Op.DELETE, Op.REPLACE):
            store.delete(
                ref.kind,
                ref.key,
                if_empty=_only_if_empty(step, difference.op),
                if_unused=bool(step.guard.get("if_unused")),
            )
        if difference.op is not Op.DELETE:
            assert desired is not None  # noqa: S101 – only a deletion has none
            store.write(ref.kind, ref.key, _whole(ref, desired), before)
        crashpoint("after-call")
    except BrokerError as error:
        outcome = outcome_of_error(error)
        outcome.wanted, outcome.called = desired, not isinstance(error, _NOT_SENT)
        # RabbitMQ repeats what it refuses.
        outcome.detail = without_secrets_of(ref.kind, desired, outcome.detail)
        outcome.before = before
        return outcome
    return Outcome("sent", wanted=desired, called=True, before=before)


def act_together(
    store: BrokerObjects, steps: Sequence[Step], before: Mapping[Key, Spec | None]
) -> dict[int, Outcome]:
    """Do what `act` does for many steps of one kind, with the writes in one call. If the broker
    refuses that call, it doesn't report which parts were applied; then each step is written by
    itself.
    """
    results: dict[int, Outcome] = {}
    specs: dict[Key, Spec] = {}
    for step in steps:
        ref = reference(step)
        seen = before.get(ref.key)
        desired = desired_of(step, seen)
        difference = compare(ref, desired, seen)
        if outcome := without_call(step, difference, seen):
            results[step.pk] = outcome
        elif desired is None or not store.may_write_together(ref.kind, desired, seen):
            results[step.pk] = act(store, step, seen)
        else:
            specs[ref.key] = _whole(ref, desired)
            results[step.pk] = Outcome(
                "sent", wanted=desired, called=True, together=True, before=seen
            )
    if not specs:
        return results
    try:
        crashpoint("before-call")
        store.write_together(steps[0].target.kind, specs)
        crashpoint("after-call")
    except BrokerError as error:
        lost = outcome_of_error(error)
        lost.called = True
        for step in steps:
            if results[step.pk].together:
                by_itself = lost.state in ("rejected", "failed")
                key = reference(step).key
                results[step.pk] = act(store, step, before.get(key)) if by_itself else lost
    return results


def compared(step: Step, sent: Outcome, after: Spec | None) -> Outcome:
    """Compare every field of the object after the call with the desired spec, and return the
    outcome. A refusal doesn't count if the object is as desired: an earlier call, or this one,
    applied it.
    """
    difference = compare(reference(step), sent.wanted, after)
    if difference.equal:
        return Outcome("ok", seen=after, before=sent.before)
    if sent.state != "sent":
        return sent
    # A step sent together with others is tried by itself before it counts as rejected.
    state = "failed" if sent.together else "rejected"
    return Outcome(state, _not_applied(difference), NOT_APPLIED, seen=after, called=sent.together)


def _only_if_empty(step: Step, op: Op) -> bool:
    """Whether the broker is to refuse the deletion of an object that is in use. What is replaced may
    be in use: what uses it is declared again."""
    if step.guard.get("force"):
        return False
    kind = KINDS[step.target.kind]
    return kind.deleted_if_empty or (kind.deleted_if_unused and op is Op.DELETE)


def _whole(ref: Ref, desired: Spec) -> Spec:
    return KINDS[ref.kind].canonical(desired)


def _not_applied(difference: Difference) -> str:
    if difference.op is Op.CREATE:
        return (
            "The broker accepted the request, but the object doesn't exist there. Check the "
            "broker's log, then retry."
        )
    if difference.op is Op.DELETE:
        return (
            "The broker accepted the request, but the object still exists there. Check the "
            "broker's log, then retry."
        )
    names = ", ".join([*(change.name for change in difference.fields), *difference.untold])
    return f"The broker accepted the request but didn't apply: {names}."
