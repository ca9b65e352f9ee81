"""The answer of the router: a tree with a reason for each yes and each no."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal["yes", "no", "maybe", "skipped"]
Verdict = Literal["routed", "unroutable", "refused", "depends"]
Via = Literal["publish", "binding", "alternate", "name"]


@dataclass(frozen=True, slots=True)
class Step:
    """One way to a queue or an exchange, taken or not.

    `via`: how it is reached; `name` is the default exchange's binding by the queue's name. `key` and
    `arguments` are those of the binding. `steps` continue from an exchange that is reached;
    `matched` and `unmatched` count its bindings, of which `steps` may show only a part.
    """

    kind: Literal["queue", "exchange"]
    name: str
    outcome: Outcome
    reason: str
    via: Via = "binding"
    type: str = ""
    key: str | None = None
    arguments: tuple[tuple[str, Any], ...] = ()
    steps: tuple[Step, ...] = ()
    matched: int = 0
    unmatched: int = 0
    distance: float = 0

    @property
    def left_out(self) -> int:
        """How many bindings aren't among the steps."""
        shown = sum(step.via == "binding" for step in self.steps)
        return max(self.matched + self.unmatched - shown, 0)


@dataclass(frozen=True, slots=True)
class Near:
    """A binding that nearly matched, and its exchange."""

    exchange: str
    step: Step


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the broker refuses the message. `closes`: what it closes, channel or nothing."""

    code: int
    sentence: str


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """What becomes of messages that a queue dead-letters.

    `exchange` None: the queue has no dead letter exchange, and they are deleted. `root` is the route
    of a dead letter; `then` continues from each queue that gets it.
    """

    reasons: tuple[str, ...]
    exchange: str | None
    sentence: str
    root: Step | None = None
    queues: tuple[str, ...] = ()
    possible: tuple[str, ...] = ()
    then: tuple[After, ...] = ()


@dataclass(frozen=True, slots=True)
class After:
    """What can happen to the message in a queue. `cycle`: the queue is already in this chain, and the
    sentence that says what RabbitMQ does then; "" otherwise."""

    queue: str
    type: str
    facts: tuple[str, ...] = ()
    dead: DeadLetters | None = None
    cycle: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """Where a message goes.

    `queues` get one copy each; of `possible`, which ones do can't be predicted. `returned`: whether
    the publisher gets it back; None: it depends, or the broker refuses it.
    """

    exchange: str
    keys: tuple[str, ...]
    verdict: Verdict
    sentence: str
    queues: tuple[str, ...] = ()
    possible: tuple[str, ...] = ()
    returned: bool | None = None
    refusal: Refusal | None = None
    root: Step | None = None
    near: tuple[Near, ...] = ()
    after: tuple[After, ...] = ()
    notes: tuple[str, ...] = ()
    incomplete: tuple[str, ...] = ()
