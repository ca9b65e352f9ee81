"""The outcome of one attempt at a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from console.kinds.common.kind import Ref, Spec
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

#: Errors that a retry wouldn't change.
FINAL = (Rejected, AccessRefused, NotFound, UnaddressableName, PathRewritten)


@dataclass(slots=True)
class Outcome:
    """The outcome of one attempt. `state` is one of:

    ok         read back as desired
    unchanged  already as desired; nothing was sent
    sent       sent, and not yet read back
    rejected   refused by the broker or a rule
    grown      would lose more than was confirmed, so nothing was sent
    failed     the broker itself failed
    trouble    the broker can't be reached; if `called`, the call may have been carried out
    skipped    nothing was sent, because of trouble elsewhere
    done       of an act: RabbitMQ carried it out; `said` is what it did
    unknown    of an act: it was sent, and RabbitMQ's reply was lost
    """

    state: str
    detail: str = ""
    code: str = ""
    http_status: int | None = None
    error: BrokerError | None = field(default=None, repr=False)
    seen: Spec | None = field(default=None, repr=False)
    #: What was sent, with secrets; None for a deletion.
    wanted: Spec | None = field(default=None, repr=False)
    #: The broker was called, so a refusal counts only after a read-back, and the outcome of trouble
    #: is unknown. False: nothing was sent.
    called: bool = False
    #: Sent in one call with others. The answer to that call says nothing about this one.
    together: bool = False
    #: The spec on the broker right before the call; None if the object didn't exist.
    before: Spec | None = field(default=None, repr=False)
    said: str = ""
    #: For *grown*: what a deletion would lose now.
    contents: Mapping[str, int] = field(default_factory=dict)


def reference(step: Step) -> Ref:
    return Ref(step.target.kind, tuple(step.target.key))


def unread(ref: Ref, error: BrokerError) -> Outcome:
    """Return the outcome of a step whose required facts the broker didn't report. Nothing is sent:
    the step waits, or is rejected if a retry would get the same answer."""
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
