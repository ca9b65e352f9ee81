"""Where messages come from and go to, and which of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from console.errors import InvalidField
from console.models import Broker
from vhosts.messages.moving.model import MessageJob

Mode = MessageJob.Mode
#: Fingerprints that a selection may name.
MOST_CHOSEN = 10_000


@dataclass(frozen=True, slots=True)
class Place:
    broker: Broker
    vhost: str
    queue: str


@dataclass(frozen=True, slots=True)
class Target:
    """`exchange` "" is the default exchange, with the queue's name as `key`. None for either: the
    exchange or the key that each message was first published to (by `x-death` if it died)."""

    broker: Broker
    vhost: str
    exchange: str | None
    key: str | None = None

    @classmethod
    def queue(cls, broker: Broker, vhost: str, name: str) -> Target:
        return cls(broker, vhost, "", name)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which messages: all that are there when the job begins, the first `count` of them, those with
    these fingerprints (with how many of each), or those that match.

    `match` are parameters of vhosts.messages.matching.Match."""

    kind: Literal["all", "first", "chosen", "matching"] = "all"
    count: int | None = None
    fingerprints: Mapping[str, int] = field(default_factory=dict)
    match: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def all(cls) -> Selection:
        return cls()

    @classmethod
    def first(cls, count: int) -> Selection:
        return cls("first", count=count)

    @classmethod
    def chosen(cls, fingerprints: Mapping[str, int] | list[str]) -> Selection:
        if isinstance(fingerprints, Mapping):
            return cls("chosen", fingerprints=dict(fingerprints))
        return cls(
            "chosen", fingerprints={one: fingerprints.count(one) for one in set(fingerprints)}
        )

    @classmethod
    def matching(cls, match: Mapping[str, Any]) -> Selection:
        return cls("matching", match=dict(match))

    @property
    def passes_over(self) -> bool:
        """Whether it takes messages that it doesn't select, and has to return them."""
        return self.kind in ("chosen", "matching")

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"kind": self.kind}
        if self.kind == "first":
            found["count"] = self.count
        if self.kind == "chosen":
            found["fingerprints"] = dict(self.fingerprints)
        if self.kind == "matching":
            found["match"] = dict(self.match)
        return found

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Selection:
        return cls(
            stored.get("kind", "all"),
            stored.get("count"),
            stored.get("fingerprints", {}),
            stored.get("match", {}),
        )

    def check(self) -> None:
        """Raise InvalidField unless it makes sense."""
        if self.kind == "first" and not (self.count and 0 < self.count < 2**53):
            raise InvalidField("count", "Enter how many messages, at least 1.")
        if self.kind == "chosen":
            if not self.fingerprints:
                raise InvalidField("fingerprints", "Choose at least one message.")
            if sum(self.fingerprints.values()) > MOST_CHOSEN:
                raise InvalidField("fingerprints", f"Choose at most {MOST_CHOSEN:,} messages.")
        if self.kind == "matching" and not self.match:
            raise InvalidField("match", "Enter what the messages must match.")
