"""`Act`: an operation on an object that isn't a desired state, such as purging a queue."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.kinds.common.kind import Key, Line
from console.rabbitmq.management.calls import Call

#: What distinguishes two requests of the same act on the same object, such as a node.
Parameters = Mapping[str, Any]
#: Among the parameters that `Act.call` gets when it is sent: the change's reason, "" for none.
REASON = "reason"
#: Figures read from the broker, such as {"messages_ready": 3}. A missing one is unknown.
Facts = Mapping[str, Any]
#: GET of the management API, by the segments of the path; `query` by name. Raises BrokerError.
Get = Callable[..., Any]


def _reads_nothing(key: Key, parameters: Parameters, get: Get) -> Facts:
    return {}


def _refuses_nothing(before: Facts) -> str:
    return ""


def _says_nothing(before: Facts, after: Facts | None) -> str:
    return ""


def _no_lines(key: Key, parameters: Parameters) -> Sequence[Line]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act of a kind. It is sent at most once: if RabbitMQ's reply is lost, its outcome stays
    unknown. Functions are pure, except that `reads` gets what reads the broker."""

    #: The `op` of its steps, such as "purge"; not one of `Op`.
    name: str
    #: For buttons, titles and sentences, with a capital: "Purge".
    verb: str
    #: The one call of the management API.
    call: Callable[[Key, Parameters], Call]
    #: Reads the facts right before and after the call. Raises BrokerError, then nothing is sent.
    reads: Callable[[Key, Parameters, Get], Facts] = _reads_nothing
    #: Why it can't be done, from the facts just read: one sentence, "" if it can.
    refuses: Callable[[Facts], str] = _refuses_nothing
    #: What it did, in one or two sentences, from the facts before and after; None for unknown.
    result: Callable[[Facts, Facts | None], str] = _says_nothing
    #: The rabbitmqctl lines that do the same.
    rabbitmqctl: Callable[[Key, Parameters], Sequence[Line]] = _no_lines
    #: Whether something is lost with it.
    destructive: bool = False
    #: The facts that say how much is lost, by the name in a sentence. If one has grown by then, the
    #: act isn't sent and needs a new confirmation.
    loses: Mapping[str, str] | None = None
