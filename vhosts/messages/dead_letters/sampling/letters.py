"""Read messages of a group from its queue, for somebody to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from accessctl.authorize import AnyUser
from console.rabbitmq.amqp.message import Message
from console.rabbitmq.amqp.properties.fingerprint import fingerprint
from vhosts.messages.dead_letters.parsing.grouping import letter_of
from vhosts.messages.dead_letters.sampling.look import look
from vhosts.messages.dead_letters.sampling.sample import require_sample
from vhosts.messages.showing import Death, Shown, reader_of, shown
from vhosts.models import DeadLetterGroup, Queue

#: Messages shown at once.
MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Step:
    """One place on a message's way, the oldest first."""

    queue: str
    reason: str
    count: int | None
    at: datetime | None
    exchange: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as its reader may see it, and its way here. `position` counts from 1."""

    position: int
    message: Shown
    path: tuple[Step, ...]
    #: The message's fingerprint; "" if only a part of it was read.
    mark: str = ""

    @property
    def first(self) -> Step | None:
        return self.path[0] if self.path else None


@dataclass(frozen=True, slots=True)
class Letters:
    """Messages of a group that are in the queue now, at most MOST_SHOWN of `count` found among `read`. `trouble`: why the
    queue couldn't be read; "" if it was."""

    queue: Queue
    letters: tuple[Letter, ...] = ()
    count: int = 0
    read: int = 0
    cost: tuple[str, ...] = ()
    trouble: str = ""


def letters_of_group(
    queue: Queue,
    groups: Sequence[DeadLetterGroup],
    *,
    acting_user: AnyUser,
    now: datetime,
    most: int = MOST_SHOWN,
    how: str = "dead letters",
) -> Letters:
    """Look for messages of these groups in their queue. All messages go back to it. Raises NotAllowed."""
    require_sample(acting_user, queue)
    found = look(queue, acting_user=acting_user, now=now, how=how)
    if found.trouble:
        return Letters(queue, trouble=found.trouble)
    matching = [
        (position, message)
        for position, message in enumerate(found.messages)
        if in_groups(message, position, groups)
    ]
    reader = reader_of(acting_user, queue.broker_id, queue.vhost)
    letters = []
    for position, message in matching[:most]:
        one = shown(message, reader)
        mark = "" if message.is_cut else fingerprint(message)
        letters.append(Letter(position + 1, one, path_of(one), mark))
    return Letters(queue, tuple(letters), len(matching), len(found.messages), found.cost)


def in_groups(message: Message, position: int, groups: Sequence[DeadLetterGroup]) -> bool:
    """Return whether a message belongs to one of the groups. A group without a shape has messages of any."""
    letter = letter_of(message, position, with_shape=any(one.shape for one in groups))
    return any(
        letter.base == one.base and (not one.shape or one.shape == letter.shape) for one in groups
    )


def path_of(message: Shown) -> tuple[Step, ...]:
    return tuple(_step(one) for one in reversed(message.deaths))


def _step(death: Death) -> Step:
    return Step(
        death.queue, death.reason, death.count, death.at, death.exchange, death.routing_keys
    )
