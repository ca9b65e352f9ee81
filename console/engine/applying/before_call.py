"""What can be decided about a step before anything is sent: nothing to do, or refused."""

from __future__ import annotations

from console.engine.acts.growth import has_grown, why_grown
from console.engine.applying.broker_objects import BrokerObjects
from console.engine.applying.outcome import Outcome, outcome_of_error, unread
from console.engine.applying.own_login import lock_out
from console.engine.supported import facts_of_version, faults_of_step, needs_version, read_version
from console.kinds.common.kind import Op, Spec
from console.kinds.refusals.versions import BrokerFacts
from console.kinds.registry import KINDS
from console.models import Step
from console.rabbitmq.errors import BrokerError
from console.reconcile.diff import Difference
from console.reconcile.disclose import sets_secret

#: In a guard, how it is deleted, not what was confirmed.
_HOW = {"force", "if_unused"}
_ANOTHERS = (
    "Someone else created this object after the change was requested. It was left "
    "unchanged. Adopt it, or edit it."
)


def without_call(step: Step, difference: Difference, before: Spec | None) -> Outcome | None:
    if difference.equal:
        return Outcome("unchanged", seen=before, before=before)
    if step.only_look:
        return Outcome("rejected", step.only_look, "not_allowed")
    if difference.op is Op.REPLACE and step.op != Op.REPLACE:
        return Outcome("rejected", _immutable(difference), "conflict")
    if before is not None and _is_anothers(step):
        return Outcome("rejected", _ANOTHERS, "already_there")
    # The broker may have been given another user since the change was accepted.
    locked_out = lock_out(
        step.broker,
        difference.ref,
        before,
        step.target.spec,
        new_password=sets_secret(difference),
    )
    if locked_out is not None:
        return Outcome("rejected", locked_out.message, "own_login")
    return _refused(step, difference, facts_of_version(step.broker))


def _refused(step: Step, difference: Difference, facts: BrokerFacts) -> Outcome | None:
    for fault in faults_of_step(difference, step.target.spec, facts):
        if fault.refuses:
            return Outcome("rejected", fault.sentence, "unsupported")
    return None


def unsupported(store: BrokerObjects, step: Step, difference: Difference) -> Outcome | None:
    """Check support by the broker's version if it was unknown when the change was accepted.
    Otherwise the broker would apply only part of the spec. None if nothing is refused."""
    known = facts_of_version(step.broker).version is not None
    if known or not needs_version(difference.ref, step.target.spec):
        return None
    try:
        return _refused(step, difference, read_version(store))
    except BrokerError as error:
        return outcome_of_error(error)


def grown(store: BrokerObjects, step: Step, difference: Difference) -> Outcome | None:
    """Ask for a new confirmation if a deletion would lose more than was confirmed. None if it may
    proceed, or if there is no confirmed count to compare with."""
    ref, confirmed = difference.ref, step.guard
    if difference.op not in (Op.DELETE, Op.REPLACE) or not set(confirmed) - _HOW:
        return None
    try:
        found = KINDS[ref.kind].contents(ref.key, store.get)
    except BrokerError as error:
        # An error that a retry wouldn't change means that the contents can't be known.
        return unread(ref, error) if error.retryable else None
    if not has_grown(found, confirmed):
        return None
    return Outcome("grown", why_grown(found, confirmed, {}, "deletion"), "grown", contents=found)


def _is_anothers(step: Step) -> bool:
    """Whether someone else created the object since: the step would create it, nothing of the step
    was sent before, and the object was never verified as desired. Permissions are exempt (not
    `claimed`): they are set whether or not they exist.
    """
    return (
        step.op == Op.CREATE
        and not step.sent_before
        and step.target.verified_generation == 0
        and KINDS[step.target.kind].claimed
    )


def _immutable(difference: Difference) -> str:
    names = ", ".join(change.name for change in difference.fields)
    return (
        f"The object exists on the broker with other fixed properties ({names}). To "
        "change them, delete the object and declare it again. The console never does "
        "that automatically."
    )
