"""How an attempt at a step ended."""

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

#: Errors after which asking again would give the same answer.
FINAL = (Rejected, AccessRefused, NotFound, UnaddressableName, PathRewritten)


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
