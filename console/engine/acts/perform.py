"""One attempt at an act: read, send once, read again."""

from __future__ import annotations

from collections.abc import Mapping

from console.engine.acts.growth import has_grown, why_grown
from console.engine.applying.broker_objects import BrokerObjects
from console.engine.applying.crashpoints import crashpoint
from console.engine.applying.outcome import FINAL, Outcome, outcome_of_error, reference
from console.kinds.common.acts import REASON, Act, Facts
from console.kinds.registry import KINDS, phrase
from console.models import Step
from console.rabbitmq.errors import (
    AddressForbidden,
    BrokerError,
    ConnectionRefused,
    LoginRefused,
    NameNotResolved,
    NotFound,
    TlsFailed,
    Unreachable,
)

#: Errors that prove that the broker didn't carry out the call: it refused it, or never got it. Of
#: `Unreachable` itself only the class, because a lost reply is a subclass.
_NOT_DONE = (*FINAL, LoginRefused, AddressForbidden, NameNotResolved, ConnectionRefused, TlsFailed)


def perform(store: BrokerObjects, step: Step) -> Outcome:
    """Send the act if the broker's facts allow it. Never raises a BrokerError. Nothing here sends
    it twice: a step that has an attempt that may have been sent doesn't get here."""
    ref = reference(step)
    act = KINDS[ref.kind].acts[step.op]
    try:
        before = act.reads(ref.key, step.parameters, store.get)
    except BrokerError as error:
        return _unread(step, error)
    if reason := act.refuses(before):
        return Outcome("rejected", reason, "refused")
    if (outcome := _grown(act, step, before)) is not None:
        return outcome
    try:
        crashpoint("before-call")
        store.send(act.call(ref.key, {**step.parameters, REASON: step.change.reason}))
        crashpoint("after-call")
    except BrokerError as error:
        return _after(step, error)
    after: Facts | None
    try:
        after = act.reads(ref.key, step.parameters, store.get)
    except BrokerError:
        after = None
    return Outcome("done", said=act.result(before, after))


def _unread(step: Step, error: BrokerError) -> Outcome:
    if isinstance(error, NotFound):
        name = phrase(reference(step))
        return Outcome("rejected", f"The {name} doesn't exist.", error.code, error.status, error)
    return outcome_of_error(error)


def _grown(act: Act, step: Step, before: Facts) -> Outcome | None:
    found: Mapping[str, int] = {
        name: before[name]
        for name in act.loses or {}
        if name in step.guard and isinstance(before.get(name), int)
    }
    if not has_grown(found, step.guard):
        return None
    sentence = why_grown(found, step.guard, act.loses or {}, act.name)
    return Outcome("grown", sentence, "grown", contents={**step.guard, **found})


def _after(step: Step, error: BrokerError) -> Outcome:
    if isinstance(error, _NOT_DONE) or type(error) is Unreachable:
        return outcome_of_error(error)
    return Outcome(
        "unknown",
        f"RabbitMQ's reply was lost ({error.detail or error.summary}), so it may or may not have done "
        "it. It isn't repeated. Look at the object, then request it again if it is still needed.",
        "unknown",
        error.status,
        error,
    )
