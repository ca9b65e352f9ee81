"""One step against a broker: read, call, and know what that came to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from console.engine.applying.broker_objects import BrokerObjects
from console.engine.applying.crashpoints import crashpoint
from console.engine.applying.own_login import lock_out
from console.engine.applying.recheck import read_fresh
from console.engine.ports import Judge
from console.engine.supported import facts_of, faults_of_step, needs_version, read_version
from console.kinds.common.kind import Key, Op, Ref, Spec
from console.kinds.refusals.versions import BrokerFacts
from console.kinds.registry import KINDS
from console.models import Step
from console.rabbitmq.errors import (
    AccessRefused,
    BrokerError,
    BrokerFailed,
    NotFound,
    PathRewritten,
    Rejected,
    UnaddressableName,
)
from console.reconcile.diff import Difference, compare
from console.reconcile.disclose import sets_secret, whole_spec
from console.secrets import decrypt

#: Errors after which asking again would give the same answer.
FINAL = (Rejected, AccessRefused, NotFound, UnaddressableName, PathRewritten)
#: Errors of calls that were never sent.
_NOT_SENT = (UnaddressableName, PathRewritten)
#: A broker's own failures in a row after which a person has to look.
MOST_BROKER_FAILURES = 5


#: The code of what the broker accepted and did not do.
NOT_APPLIED = "not_applied"


@dataclass(slots=True)
class Outcome:
    """`state`: ok | unchanged | sent | rejected | grown | failed | trouble | skipped. *grown*: it would lose
    more than was confirmed, so nothing was sent. *sent* waits for the
    read-back; *failed* is the broker's own failure; *trouble* means that it cannot be reached, with
    the call perhaps carried out where it was `called`; *skipped* that nothing was sent because of trouble elsewhere."""

    state: str
    detail: str = ""
    code: str = ""
    http_status: int | None = None
    error: BrokerError | None = field(default=None, repr=False)
    seen: Spec | None = field(default=None, repr=False)
    #: What was sent, None for a deletion; secrets are in it.
    wanted: Spec | None = field(default=None, repr=False)
    #: The broker was called, so that a refusal counts only once it has been read back, and what came of
    #: trouble is not known. False: nothing was sent.
    called: bool = False
    #: Sent in one call with others, whose answer tells nothing of this one.
    together: bool = False
    #: What was there right before the call; None: nothing.
    before: Spec | None = field(default=None, repr=False)
    #: Of what has *grown*: what would be lost with it now.
    contents: Mapping[str, int] = field(default_factory=dict)


def reference(step: Step) -> Ref:
    return Ref(step.target.kind, tuple(step.target.key))


def desired_of(step: Step, before: Spec | None) -> Spec | None:
    """What the object should be. Secrets stay what the broker has unless new ones came with the step
    (a PUT of a user without a password would clear it)."""
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
    """Calls the broker where what is differs from what should be. With a `judge` the object is read once
    more, and nothing is sent where the author may no longer do it. Never raises a BrokerError."""
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
    if outcome := _without_call(step, difference, before):
        return outcome
    if outcome := _unsupported(store, step, difference):
        return outcome
    if (outcome := _grown(store, step, difference)) is not None:
        return outcome
    try:
        crashpoint("before-call")
        if difference.op in (Op.DELETE, Op.REPLACE):
            store.delete(
                ref.kind,
                ref.key,
                if_empty=KINDS[ref.kind].deleted_if_empty and not step.guard.get("force"),
            )
        if difference.op is not Op.DELETE:
            assert desired is not None  # noqa: S101 – only a deletion has none
            store.write(ref.kind, ref.key, _whole(ref, desired), before)
        crashpoint("after-call")
    except BrokerError as error:
        outcome = outcome_of_error(error)
        outcome.wanted, outcome.called = desired, not isinstance(error, _NOT_SENT)
        outcome.before = before
        return outcome
    return Outcome("sent", wanted=desired, called=True, before=before)


def act_together(
    store: BrokerObjects, steps: Sequence[Step], before: Mapping[Key, Spec | None]
) -> dict[int, Outcome]:
    """As `act` does for each, but what is to be written goes in one call; all are of one kind. Where the
    broker refuses that call it does not say what of it was done: then each is written by itself."""
    results: dict[int, Outcome] = {}
    specs: dict[Key, Spec] = {}
    for step in steps:
        ref = reference(step)
        seen = before.get(ref.key)
        desired = desired_of(step, seen)
        difference = compare(ref, desired, seen)
        if outcome := _without_call(step, difference, seen):
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


def _without_call(step: Step, difference: Difference, before: Spec | None) -> Outcome | None:
    if difference.equal:
        return Outcome("unchanged", seen=before, before=before)
    if step.only_look:
        return Outcome("rejected", step.only_look, "not_allowed")
    if difference.op is Op.REPLACE and step.op != Op.REPLACE:
        return Outcome("rejected", _immutable(difference), "conflict")
    if before is not None and _is_anothers(step):
        return Outcome("rejected", _ANOTHERS, "already_there")
    # The broker may have been given another user since this was accepted.
    locked_out = lock_out(
        step.broker,
        difference.ref,
        before,
        step.target.spec,
        new_password=sets_secret(difference),
    )
    if locked_out is not None:
        return Outcome("rejected", locked_out.message, "own_login")
    return _refused(step, difference, facts_of(step.broker))


def _refused(step: Step, difference: Difference, facts: BrokerFacts) -> Outcome | None:
    for fault in faults_of_step(difference, step.target.spec, facts):
        if fault.refuses:
            return Outcome("rejected", fault.sentence, "unsupported")
    return None


def _unsupported(store: BrokerObjects, step: Step, difference: Difference) -> Outcome | None:
    """What was accepted while the broker's version was unknown would otherwise be written by half: the
    version is read where it matters."""
    known = facts_of(step.broker).version is not None
    if known or not needs_version(difference.ref, step.target.spec):
        return None
    try:
        return _refused(step, difference, read_version(store))
    except BrokerError as error:
        return outcome_of_error(error)


#: Below so many more messages than were confirmed, a deletion goes on: clients publish all the time.
_FEW_MESSAGES = 100
_TENTH_MORE = 1.1


def _grown(store: BrokerObjects, step: Step, difference: Difference) -> Outcome | None:
    """Asks once more where a deletion would lose more than was confirmed. None where it may go on, or where
    nothing was confirmed to compare with."""
    ref, confirmed = difference.ref, step.guard
    if difference.op is not Op.DELETE or "queues" not in confirmed:
        return None
    try:
        found = KINDS[ref.kind].contents(ref.key, store.get)
    except BrokerError as error:
        # Where asking again would give the same answer, nobody can know.
        return unread(ref, error) if error.retryable else None
    slack = {"messages": _FEW_MESSAGES}
    if all(
        number <= confirmed.get(name, 0) * _TENTH_MORE + slack.get(name, 0)
        for name, number in found.items()
    ):
        return None
    held, was = (
        " and ".join(f"{counts.get(name, 0):,} {name}" for name in found)
        for counts in (found, confirmed)
    )
    return Outcome(
        "grown",
        f"It holds {held} now; the deletion was confirmed with {was}. Confirm this deletion again.",
        "grown",
        contents=found,
    )


_ANOTHERS = (
    "Someone else created this object after the change was requested. It was left "
    "unchanged. Adopt it, or edit it."
)


def _is_anothers(step: Step) -> bool:
    """Whether what is there, other than asked for, was made by somebody else since: a step of which nothing
    was sent before would make it, and it was never seen as asked for here. A permission is set, there before
    or not."""
    return (
        step.op == Op.CREATE
        and not step.sent_before
        and step.target.verified_generation == 0
        and KINDS[step.target.kind].claimed
    )


def compared(step: Step, sent: Outcome, after: Spec | None) -> Outcome:
    """Whether what is there after the call is what was asked for, every field of it. A refusal of what is
    there all the same was none: an earlier call, or this one, has done it. Else it stands."""
    difference = compare(reference(step), sent.wanted, after)
    if difference.equal:
        return Outcome("ok", seen=after, before=sent.before)
    if sent.state != "sent":
        return sent
    # What went together with others is tried by itself before it is called refused.
    state = "failed" if sent.together else "rejected"
    return Outcome(state, _not_applied(difference), NOT_APPLIED, seen=after, called=sent.together)


def unread(ref: Ref, error: BrokerError) -> Outcome:
    """What rests on facts that the broker did not tell is not sent: it waits, or is refused where asking
    again would give the same answer."""
    came_to = outcome_of_error(error)
    if came_to.state == "rejected":
        came_to.code = "not_allowed"
        came_to.detail = (
            f"RabbitMQ didn't report the current state of {ref.key[0]}, so nothing was "
            f"sent. RabbitMQ's reply: {came_to.detail}"
        )
    return came_to


def outcome_of_error(error: BrokerError) -> Outcome:
    detail = error.detail or error.summary
    if isinstance(error, FINAL):
        return Outcome("rejected", detail, error.code, error.status, error)
    if isinstance(error, BrokerFailed):
        return Outcome("failed", detail, error.code, error.status, error)
    return Outcome("trouble", detail, error.code, error.status, error)


def _whole(ref: Ref, desired: Spec) -> Spec:
    return KINDS[ref.kind].canonical(desired)


def _immutable(difference: Difference) -> str:
    names = ", ".join(change.name for change in difference.fields)
    return (
        f"The object exists on the broker with other fixed properties ({names}). To "
        "change them, delete the object and declare it again. The console never does "
        "that automatically."
    )


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
