"""One step against a broker: read, call, and know what that came to."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from console.changes.crashpoints import crashpoint
from console.models import Step
from console.rabbitmq.errors import (
    AccessRefused,
    BrokerError,
    BrokerFailed,
    NotFound,
    Rejected,
    UnaddressableName,
)
from console.rabbitmq.management.objects import ObjectStore
from console.reconcile.diff import Difference, Op, compare
from console.reconcile.disclose import whole_spec
from console.reconcile.kinds import KINDS, Ref, Spec
from console.secrets import decrypt

#: Errors after which asking again would give the same answer.
FINAL = (Rejected, AccessRefused, NotFound, UnaddressableName)
#: A broker's own failures in a row after which a person has to look.
MOST_BROKER_FAILURES = 5


@dataclass(slots=True)
class Outcome:
    """`state`: ok | unchanged | sent | rejected | failed | trouble | skipped. *sent* waits for the
    read-back; *failed* is the broker's own failure; *trouble* means that it cannot be reached, with
    the call perhaps carried out; *skipped* that nothing was sent because of trouble elsewhere."""

    state: str
    detail: str = ""
    code: str = ""
    http_status: int | None = None
    error: BrokerError | None = field(default=None, repr=False)
    seen: Spec | None = field(default=None, repr=False)
    #: What was sent, None for a deletion; secrets are in it.
    wanted: Spec | None = field(default=None, repr=False)


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


def act(store: ObjectStore, step: Step, before: Spec | None) -> Outcome:
    """Calls the broker where what is differs from what should be. Never raises a BrokerError."""
    ref = reference(step)
    desired = desired_of(step, before)
    difference = compare(ref, desired, before)
    if difference.equal:
        return Outcome("unchanged", seen=before)
    if difference.op is Op.REPLACE and step.op != Op.REPLACE:
        return Outcome("rejected", _immutable(difference), "conflict")
    if before is not None and _is_anothers(step):
        return Outcome("rejected", _ANOTHERS, "already_there")
    try:
        crashpoint("before-call")
        if difference.op in (Op.DELETE, Op.REPLACE):
            store.delete(
                ref.kind, ref.key, if_empty=ref.kind == "queue" and not step.guard.get("force")
            )
        if difference.op is not Op.DELETE:
            assert desired is not None  # noqa: S101 – only a deletion has none
            store.write(ref.kind, ref.key, _whole(ref, desired), before)
        crashpoint("after-call")
    except BrokerError as error:
        return outcome_of_error(error)
    return Outcome("sent", wanted=desired)


_ANOTHERS = (
    "It was not there when this was asked for, and is now: somebody else made it. It is left as it is; "
    "adopt it, or edit it."
)


def _is_anothers(step: Step) -> bool:
    """Whether what is there, other than asked for, was made by somebody else since: a step that has not
    begun before would make it, and it was never seen as asked for here. A permission is set, there before
    or not."""
    return (
        step.op == Op.CREATE
        and step.attempts <= 1
        and step.target.verified_generation == 0
        and step.target.kind in ("vhost", "user")
    )


def judge(step: Step, sent: Outcome, after: Spec | None) -> Outcome:
    """Whether what is there after the call is what was asked for, every field of it."""
    difference = compare(reference(step), sent.wanted, after)
    if difference.equal:
        return Outcome("ok", seen=after)
    return Outcome("rejected", _not_applied(difference), "not_applied", seen=after)


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
        f"The broker has this object with other fixed properties ({names}). "
        "It would have to be deleted and declared again; that is never done unasked."
    )


def _not_applied(difference: Difference) -> str:
    if difference.op is Op.CREATE:
        return "The broker accepted the request, but the object is not there."
    if difference.op is Op.DELETE:
        return "The broker accepted the request, but the object is still there."
    names = ", ".join([*(change.name for change in difference.fields), *difference.untold])
    return f"The broker accepted the request, but did not apply it: {names}."
