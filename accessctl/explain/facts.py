from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class UserFacts:
    tags: tuple[str, ...] = ()
    #: None: the broker doesn't report it.
    has_password: bool | None = None
    limits: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VhostFacts:
    limits: Mapping[str, int] = field(default_factory=dict)
    #: State by node; empty: unknown.
    cluster_state: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PermissionFacts:
    configure: str
    write: str
    read: str

    def of(self, right: str) -> str:
        return {"configure": self.configure, "write": self.write, "read": self.read}[right]


@dataclass(frozen=True, slots=True)
class TopicFacts:
    write: str
    read: str


@dataclass(frozen=True, slots=True)
class ExchangeFacts:
    type: str
    internal: bool | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about the user, virtual host and objects of one question.

    `known` has the parts of the inventory that were read completely from the broker. Only in these
    does a missing entry mean that the object doesn't exist.
    """

    known: frozenset[str] = frozenset()
    rabbitmq_version: str = ""
    erlang_version: str = ""
    user: UserFacts | None = None
    #: Whether the person may not learn if this user exists.
    user_hidden: bool = False
    vhost: VhostFacts | None = None
    permission: PermissionFacts | None = None
    #: By exchange.
    topics: Mapping[str, TopicFacts] = field(default_factory=dict)
    exchanges: Mapping[str, ExchangeFacts] = field(default_factory=dict)
    queues: frozenset[str] = frozenset()
    #: Number of queues in the virtual host; None: unknown.
    queue_count: int | None = None
    #: When all this was read; None: never.
    observed_at: datetime | None = None
    #: Whether it may be out of date: the broker hasn't answered since.
    stale: bool = False

    @property
    def version(self) -> tuple[int, ...] | None:
        """The broker's version, such as (3, 10, 8); None if unknown."""
        parts = self.rabbitmq_version.split("-")[0].split("+")[0].split(".")
        digits = [part for part in parts if part.isascii() and part.isdecimal() and len(part) < 9]
        return tuple(map(int, digits)) if len(digits) >= 2 else None

    def exchange(self, name: str) -> ExchangeFacts | None:
        """Return the exchange; None if it doesn't exist or is unknown. Exchanges that every
        virtual host has are always known."""
        return self.exchanges.get(name) or _BUILT_IN.get(name)


_BUILT_IN = {
    "": ExchangeFacts("direct", internal=False),
    "amq.direct": ExchangeFacts("direct", internal=False),
    "amq.fanout": ExchangeFacts("fanout", internal=False),
    "amq.headers": ExchangeFacts("headers", internal=False),
    "amq.match": ExchangeFacts("headers", internal=False),
    "amq.topic": ExchangeFacts("topic", internal=False),
}
