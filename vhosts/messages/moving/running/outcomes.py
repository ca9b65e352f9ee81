"""What became of single messages, and when a job gives up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from accessctl.authorize import AnyUser
from vhosts.messages.masking.masks import header_mask
from vhosts.messages.masking.service import masks_of
from vhosts.messages.moving.model import MessageJob, MessageOutcome
from vhosts.messages.moving.running.choice import Chosen

#: Messages that couldn't be published until a job gives up.
MOST_LEFT_BEHIND = 1_000
#: Messages held unacknowledged, because the job returns them at its end.
MOST_HELD = 50_000
STALLED_S = 30.0


def why_give_up(left_behind: int, held: int, *, stalled: bool, worn: bool) -> str:
    """Return why a job can't go on, in sentences; "" if it can. `worn`: a message that stays can be
    returned only a few times more."""
    if worn:
        return (
            "A message that stays has almost reached the queue's delivery limit, so the job ended before "
            "RabbitMQ would dead-letter or delete it."
        )
    if left_behind >= MOST_LEFT_BEHIND:
        return (
            f"The target didn't take {left_behind:,} messages, so the job ended. They are still at "
            "the source. Fix the target, then start a new job."
        )
    if held >= MOST_HELD:
        return (
            f"The job ended after {MOST_HELD:,} messages that it has to return. The rest of the queue "
            "wasn't looked at."
        )
    if stalled:
        return (
            f"The queue delivered nothing for {STALLED_S:g} s, although messages are ready. Another "
            "consumer may have it for itself (exclusive or single active consumer)."
        )
    return ""


def outcome_of(
    job: MessageJob, one: Chosen, outcome: str, reason: str, now: datetime
) -> MessageOutcome:
    message = one.taken.message
    return MessageOutcome(
        job=job,
        at=now,
        outcome=outcome,
        fingerprint=one.fingerprint,
        message_id=_text(message.properties.message_id),
        exchange=_text(message.exchange),
        routing_key=_text(message.routing_key),
        reason=reason[:500],
    )


def outcomes_for(user: AnyUser, job: MessageJob, most: int) -> list[MessageOutcome]:
    """Return the job's outcomes as the user may see them: without message IDs where a masking rule
    hides them."""
    found = list(job.outcomes.all()[:most])
    if header_mask("message_id", masks_of(user, job.broker, job.vhost)) is not None:
        for one in found:
            one.message_id = ""
    return found


def unsettled(fingerprints: Iterable[str], job: MessageJob, now: datetime) -> list[MessageOutcome]:
    """Return outcomes for messages that left the source during an interruption, unconfirmed."""
    return [
        MessageOutcome(
            job=job,
            at=now,
            outcome=MessageOutcome.Outcome.UNKNOWN,
            fingerprint=one,
            reason="The message left the source during an interruption. Another consumer took it or "
            "it expired; it may be at the target too.",
        )
        for one in fingerprints
    ]


def _text(value: object) -> str:
    """Return a name that Postgres can store."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()[:255]
