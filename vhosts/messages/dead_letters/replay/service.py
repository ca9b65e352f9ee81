"""Preview and start a replay or a deletion of dead letters. Both are jobs that move messages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from accessctl.authorize import AnyUser, may, require
from accessctl.rights import Permission
from console.errors import InvalidField
from vhosts.messages.dead_letters.replay.plan import Destination, Plan, plan_replay
from vhosts.messages.dead_letters.replay.selection import Wanted
from vhosts.messages.dead_letters.sampling.look import Looked, look
from vhosts.messages.moving.model import MessageJob
from vhosts.messages.moving.places import Mode, Place, Selection, Target
from vhosts.messages.moving.start import start_move
from vhosts.models import DeadLetterGroup, DeadLetterReplay, Queue
from vhosts.routing.mirror import topology_of

PURPOSE = "replay"
_MOST_NAME = 255
#: Single messages that one replay can name.
MOST_MARKS = 500
_MARK = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Options:
    """How to replay. `skip_hours`: leave what died longer ago. `stop_percent`: stop the job when more than so
    many of 100 replayed messages are back while the job runs; None: never."""

    to: Destination = field(default_factory=Destination)
    rate: int | None = None
    skip_hours: int | None = None
    stop_percent: int | None = None
    reason: str = ""
    #: Fingerprints of single messages; empty: all of the groups.
    marks: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise InvalidField unless it makes sense."""
        for name, value in (("exchange", self.to.exchange), ("routing_key", self.to.key)):
            if value is not None and (
                "\0" in value or len(value.encode(errors="replace")) > _MOST_NAME
            ):
                raise InvalidField(name, "This isn't a valid name.")
        if self.to.exchange == "" and not self.to.key:
            raise InvalidField("routing_key", "Enter the queue that the messages go to.")
        if self.skip_hours is not None and not 1 <= self.skip_hours <= 100_000:
            raise InvalidField("skip_hours", "Enter a number of hours from 1 on.")
        if self.stop_percent is not None and not 1 <= self.stop_percent <= 100:
            raise InvalidField("stop_percent", "Enter 1 to 100 %.")
        if len(self.marks) > MOST_MARKS or not all(map(_MARK.fullmatch, self.marks)):
            raise InvalidField(
                "messages", f"Name up to {MOST_MARKS} messages by their fingerprints."
            )


@dataclass(frozen=True, slots=True)
class Preview:
    """What a replay would do to the messages that were read. `ready` were in the queue in all."""

    looked: Looked
    plan: Plan

    @property
    def is_part(self) -> bool:
        """Return whether messages weren't read, which the job takes too if they match."""
        return (self.looked.ready or 0) > len(self.looked.messages)


def require_replay(user: AnyUser, queue: Queue) -> None:
    """Raise NotAllowed unless the user may see and move messages there."""
    require(user, Permission.MESSAGES_VIEW, queue.broker, queue.vhost)
    require(user, Permission.MESSAGES_MOVE, queue.broker, queue.vhost)


def preview_replay(
    queue: Queue,
    groups: Sequence[DeadLetterGroup],
    options: Options,
    *,
    acting_user: AnyUser,
    now: datetime,
) -> Preview:
    """Read up to MOST messages, return them, and trace those of the groups (all, without groups). Raises
    NotAllowed, InvalidField. Broker trouble is part of the result."""
    require_replay(acting_user, queue)
    options.check()
    looked = look(queue, acting_user=acting_user, now=now, how="replay preview")
    wanted = Wanted.of_groups(groups, marks=options.marks)
    plan = plan_replay(
        looked.messages,
        topology_of(queue.broker, queue.vhost),
        queue.name,
        options.to,
        not_before=_not_before(options, now),
        selected=wanted.selects,
    )
    return Preview(looked, plan)


def start_replay(
    queue: Queue,
    groups: Sequence[DeadLetterGroup],
    options: Options,
    *,
    acting_user: AnyUser,
    now: datetime,
    idempotency_key: str = "",
) -> MessageJob:
    """Start a job that moves the messages of the groups (all, without groups) to where they came from, or
    elsewhere in the virtual host. Messages that don't say where they came from stay.

    Raises NotAllowed, InvalidField.
    """
    require_replay(acting_user, queue)
    options.check()
    wanted = Wanted.of_groups(
        groups, marks=options.marks, not_before=_not_before(options, now), to=options.to
    )
    with transaction.atomic():
        job = start_move(
            acting_user,
            source=Place(queue.broker, queue.vhost, queue.name),
            target=Target(queue.broker, queue.vhost, options.to.exchange, options.to.key),
            mode=Mode.MOVE,
            selection=Selection.dead_letters(wanted.as_json()),
            rate=options.rate,
            reason=options.reason,
            purpose=PURPOSE,
            idempotency_key=idempotency_key,
            now=now,
        )
        DeadLetterReplay.objects.get_or_create(
            job=job, defaults={"stop_percent": options.stop_percent}
        )
    return job


def start_discard(
    queue: Queue,
    groups: Sequence[DeadLetterGroup],
    *,
    typed: str,
    reason: str,
    acting_user: AnyUser,
    now: datetime,
    idempotency_key: str = "",
) -> MessageJob:
    """Start a job that deletes the messages of the groups. In production, `typed` must be the queue's name.
    Raises NotAllowed, InvalidField."""
    require_replay(acting_user, queue)
    if needs_name(queue) and typed != queue.name:
        raise InvalidField("typed", "The name doesn't match.")
    return start_move(
        acting_user,
        source=Place(queue.broker, queue.vhost, queue.name),
        target=None,
        mode=Mode.DELETE,
        selection=Selection.dead_letters(Wanted.of_groups(groups).as_json()),
        reason=reason,
        purpose="discard",
        idempotency_key=idempotency_key,
        now=now,
    )


def needs_name(queue: Queue) -> bool:
    return bool(queue.broker.environment == "production")


def groups_for(user: AnyUser, first: DeadLetterGroup) -> list[DeadLetterGroup]:
    """Return the groups that are one for this user: without the right to read payloads, shapes don't count."""
    if may(user, Permission.MESSAGES_READ, first.broker, first.vhost):
        return [first]
    rows = DeadLetterGroup.objects.filter(
        broker=first.broker_id, vhost=first.vhost, queue=first.queue, base=first.base
    )
    return list(rows)


def _not_before(options: Options, now: datetime) -> datetime | None:
    return None if options.skip_hours is None else now - timedelta(hours=options.skip_hours)
