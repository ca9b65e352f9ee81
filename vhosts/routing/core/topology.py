"""What decides where a message goes, as plain data: exchanges, bindings and queues of one virtual
host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Version = tuple[int, int, int]

DEFAULT = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting in force, and where it comes from: "the argument x-message-ttl", "the policy ha"."""

    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """`alternate` is the alternate exchange in force, None for none."""

    name: str
    type: str
    internal: bool = False
    arguments: Mapping[str, Any] = field(default_factory=dict)
    alternate: Setting | None = None


#: Those that every virtual host has, beside the default exchange.
PREDECLARED = (
    Exchange("amq.direct", "direct"),
    Exchange("amq.fanout", "fanout"),
    Exchange("amq.headers", "headers"),
    Exchange("amq.match", "headers"),
    Exchange("amq.rabbitmq.trace", "topic", internal=True),
    Exchange("amq.topic", "topic"),
)


@dataclass(frozen=True, slots=True)
class Queue:
    """`settings` are those in force, named as in policies: dead-letter-exchange, message-ttl …"""

    name: str
    type: str = "classic"
    settings: Mapping[str, Setting] = field(default_factory=dict)

    def value(self, name: str) -> Any:
        found = self.settings.get(name)
        return None if found is None else found.value


@dataclass(frozen=True, slots=True)
class Binding:
    """`to` is "queue" or "exchange". An argument None is AMQP's void: any value matches it."""

    source: str
    to: str
    destination: str
    key: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Topology:
    """One virtual host.

    `version` None: unknown. `incomplete` has a sentence for each part that isn't completely known;
    `whole` names the parts that are: exchanges, queues, bindings. `listed`: the arguments come from
    a listing of the management API, which shows void as the text "undefined".
    """

    vhost: str
    exchanges: Mapping[str, Exchange]
    queues: Mapping[str, Queue]
    bindings: Mapping[str, tuple[Binding, ...]]
    version: Version | None = None
    incomplete: tuple[str, ...] = ()
    whole: frozenset[str] = frozenset({"exchanges", "queues", "bindings"})
    listed: bool = False
    #: Compiled bindings by exchange, filled by core.matching.of_type.matcher_of.
    compiled: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def at_least(self, *version: int) -> bool | None:
        """Return whether the broker has this version or a later one; None: unknown."""
        return None if self.version is None else self.version[: len(version)] >= version


def build(
    vhost: str,
    exchanges: Iterable[Exchange],
    queues: Iterable[Queue],
    bindings: Iterable[Binding],
    **more: Any,
) -> Topology:
    """Return the topology; `more` are further fields of Topology. The default exchange is added."""
    known = {DEFAULT: Exchange(DEFAULT, "direct")} | {one.name: one for one in exchanges}
    by_source: dict[str, list[Binding]] = {}
    for one in bindings:
        by_source.setdefault(one.source, []).append(one)
    return Topology(
        vhost,
        known,
        {one.name: one for one in queues},
        {source: tuple(found) for source, found in by_source.items()},
        **more,
    )
