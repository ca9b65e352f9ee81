"""What every way of matching answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from vhosts.routing.core.topology import Binding


@dataclass(frozen=True, slots=True)
class Message:
    """What routing reads of a message. `keys` has the routing key first, then those of the headers
    CC and BCC. `headers` are without BCC, which RabbitMQ removes before it routes."""

    keys: tuple[str, ...]
    headers: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return self.keys[0]


@dataclass(frozen=True, slots=True)
class Matched:
    """The bindings that match, and those that may: of `one_of`, exactly one does (or, unless
    `always`, possibly none)."""

    sure: Sequence[Binding] = ()
    maybe: Sequence[Binding] = ()
    one_of: bool = False
    always: bool = False


class Matcher(Protocol):
    bindings: Sequence[Binding]

    def match(self, message: Message) -> Matched: ...

    def why(self, binding: Binding, message: Message) -> str:
        """Return why a binding matches, or may match, as a sentence without its full stop."""
        ...

    def why_not(self, binding: Binding, message: Message) -> tuple[float, str]:
        """Return how far a binding is from matching (0: nearest), and why it doesn't match."""
        ...

    def nearest(self, message: Message, limit: int) -> Sequence[Binding]:
        """Return bindings worth naming as near misses, in any order; matching ones may be among
        them. Cheap, however many bindings there are."""
        ...
