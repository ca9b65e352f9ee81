"""Put dead letters of one queue into groups: by origin, reason, exception and shape of the body."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from console.rabbitmq.amqp.message import Message
from vhosts.messages.dead_letters.parsing.deaths import Deaths, deaths_of
from vhosts.messages.dead_letters.parsing.exceptions import Said, exception_of
from vhosts.messages.dead_letters.parsing.shape import shape_of

#: Positions of messages that a group keeps.
MOST_POSITIONS = 500
#: Groups of one queue: a header that differs in each message must not fill the table.
MOST_GROUPS = 200


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. `base` identifies its group without the shape."""

    position: int
    deaths: Deaths
    exception: Said
    shape: str

    @property
    def origin(self) -> str:
        return self.deaths.first.queue if self.deaths.first else ""

    @property
    def reason(self) -> str:
        return self.deaths.first.reason if self.deaths.first else ""

    @property
    def base(self) -> str:
        parts = (self.origin, self.reason, self.exception.header.lower(), self.exception.alike)
        text = "\0".join(f"{len(one)}:{one}" for one in parts)
        return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:24]

    @property
    def fingerprint(self) -> str:
        return f"{self.base}-{self.shape}"


@dataclass(slots=True)
class Group:
    """Letters that are alike. Times are those of the deaths, None if no letter has one. `exchange` and
    `routing_key` are those of the first letter's first death; None: unknown."""

    example: Letter
    count: int = 0
    first_death_at: datetime | None = None
    last_death_at: datetime | None = None
    exchange: str | None = None
    routing_key: str | None = None
    #: Whether all letters came from the same exchange with the same key.
    one_origin: bool = True
    most_times: int = 0
    positions: list[int] = field(default_factory=list)

    def add(self, letter: Letter) -> None:
        first = letter.deaths.first
        exchange = first.exchange if first else None
        key = first.routing_keys[0] if first and first.routing_keys else None
        if not self.count:
            self.exchange, self.routing_key = exchange, key
        elif (exchange, key) != (self.exchange, self.routing_key):
            self.one_origin = False
        self.count += 1
        self.most_times = max(self.most_times, letter.deaths.times)
        # RabbitMQ keeps the time of the first death of each entry, so the latest entry is the latest time.
        for at in (one.at for one in letter.deaths.entries if one.at is not None):
            self.first_death_at = min(at, self.first_death_at or at)
            self.last_death_at = max(at, self.last_death_at or at)
        if len(self.positions) < MOST_POSITIONS:
            self.positions.append(letter.position)


def letter_of(message: Message, position: int, *, with_shape: bool) -> Letter:
    """Return what a message says of its deaths. Never raises, whatever it holds."""
    headers = message.headers
    encoding = message.properties.content_encoding
    shape = shape_of(message.body, encoding if isinstance(encoding, str) else None)
    return Letter(position, deaths_of(headers), exception_of(headers), shape if with_shape else "")


def grouped(letters: Iterable[Letter]) -> tuple[dict[str, Group], int]:
    """Return the groups by fingerprint, and how many letters are in none, because there are too many
    groups."""
    found: dict[str, Group] = {}
    left_out = 0
    for letter in letters:
        group = found.get(letter.fingerprint)
        if group is None:
            if len(found) >= MOST_GROUPS:
                left_out += 1
                continue
            group = found[letter.fingerprint] = Group(letter)
        group.add(letter)
    return found, left_out
