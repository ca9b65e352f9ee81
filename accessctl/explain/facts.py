from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class UserFacts:
    tags: tuple[str, ...] = ()
    #: None: the broker does not say.
    has_password: bool | None = None
    limits: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VhostFacts:
    limits: Mapping[str, int] = field(default_factory=dict)
    #: State by node; empty: not known.
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
    """What is known of the user, the virtual host and the objects of one question.

    `known` names the parts of the inventory that were read from the broker and are whole: only there does a
    missing entry mean that there is none.
    """

    known: frozenset[str] = frozenset()
    rabbitmq_version: str = ""
    erlang_version: str = ""
    user: UserFacts | None = None
    #: Whether who asks may not know if there is such a user.
    user_hidden: bool = False
    vhost: VhostFacts | None = None
    permission: PermissionFacts | None = None
    #: By exchange.
    topics: Mapping[str, TopicFacts] = field(default_factory=dict)
    exchanges: Mapping[str, ExchangeFacts] = field(default_factory=dict)
    queues: frozenset[str] = frozenset()
    #: How many queues the virtual host has; None: not known.
    queue_count: int | None = None
    #: When all this was read; None: never.
    observed_at: datetime | None = None
    #: Whether it may be out of date: the broker has not answered since.
    stale: bool = False

    @property
    def version(self) -> tuple[int, ...] | None:
        """(3, 10, 8); None where the broker's version is not known."""
        parts = self.rabbitmq_version.split("-")[0].split("+")[0].split(".")
        digits = [part for part in parts if part.isascii() and part.isdecimal() and len(part) < 9]
        return tuple(map(int, digits)) if len(digits) >= 2 else None

    def exchange(self, name: str) -> ExchangeFacts | None:
        """None where it is not there, or not known to be. Those that every virtual host has are known."""
        return self.exchanges.get(name) or _BUILT_IN.get(name)


_BUILT_IN = {
    "": ExchangeFacts("direct", internal=False),
    "amq.direct": ExchangeFacts("direct", internal=False),
    "amq.fanout": ExchangeFacts("fanout", internal=False),
    "amq.headers": ExchangeFacts("headers", internal=False),
    "amq.match": ExchangeFacts("headers", internal=False),
    "amq.topic": ExchangeFacts("topic", internal=False),
}
