"""Which messages of a queue a replay or a deletion takes: those of groups, judged one by one as they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from console.rabbitmq.amqp.message import Message
from console.rabbitmq.amqp.properties.fingerprint import fingerprint
from vhosts.messages.dead_letters.parsing.grouping import Letter, letter_of
from vhosts.messages.dead_letters.replay.plan import Destination, destination_of, is_older
from vhosts.models import DeadLetterGroup


@dataclass(frozen=True, slots=True)
class Wanted:
    """`marks` are fingerprints of single messages; without any, `groups` count. `groups` are (base, shape); shape "" is any. Empty: all messages. `not_before`: leave those whose last
    death was earlier. `to`: leave those that don't say where they go; None: they go nowhere (a deletion)."""

    groups: tuple[tuple[str, str], ...] = ()
    marks: tuple[str, ...] = ()
    not_before: datetime | None = None
    to: Destination | None = None

    @classmethod
    def of_groups(cls, groups: Sequence[DeadLetterGroup], **more: Any) -> Self:
        return cls(tuple((one.base, one.shape) for one in groups), **more)

    def selects(self, message: Message) -> bool:
        """Return whether it takes the message. Never raises, whatever the message holds."""
        if self.marks and fingerprint(message) not in self.marks:
            return False
        letter = letter_of(message, 0, with_shape=any(shape for _, shape in self.groups))
        if not self.has(letter) or is_older(letter.deaths, self.not_before):
            return False
        return self.to is None or destination_of(letter.deaths, self.to) is not None

    def has(self, letter: Letter) -> bool:
        """Return whether a letter is in one of the groups, whatever its age."""
        if not self.groups:
            return True
        return any(
            letter.base == base and (not shape or letter.shape == shape)
            for base, shape in self.groups
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "groups": [list(one) for one in self.groups],
            "marks": list(self.marks),
            "not_before": self.not_before.isoformat() if self.not_before else None,
            "to": None if self.to is None else [self.to.exchange, self.to.key],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return what `as_json` stored."""
        to, at = stored.get("to"), stored.get("not_before")
        return cls(
            tuple((base, shape) for base, shape in stored.get("groups", ())),
            tuple(stored.get("marks", ())),
            datetime.fromisoformat(at) if at else None,
            None if to is None else Destination(to[0], to[1]),
        )
