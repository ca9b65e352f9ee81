"""What queues can be, and what their arguments and policy keys mean.

Sources: RabbitMQ's own documentation and its validators (rabbit_amqqueue, rabbit_policies), from
3.10 to 4.3. A key that is not listed here is shown as it is, with nothing said about it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from console.faces.templatetags._text import sized
from vhosts.queues.meanings import MEANINGS, Meaning

if TYPE_CHECKING:
    from vhosts.models import Queue

TYPES = {"classic": "Classic", "quorum": "Quorum", "stream": "Stream"}
#: States that a queue can be in, in RabbitMQ's words.
STATES = {
    "running": "Running",
    "idle": "Idle",
    "flow": "Flow",
    "syncing": "Syncing",
    "minority": "Minority",
    "down": "Down",
    "stopped": "Stopped",
    "crashed": "Crashed",
    "terminated": "Terminated",
}

#: What a virtual host and a user can be limited in.
LIMITS = {
    "max-connections": "concurrent connections",
    "max-queues": "queues",
    "max-channels": "concurrent channels",
}


@dataclass(frozen=True, slots=True)
class Explained:
    """A key with its value; `reading`: the value in words ("1 h 30 min"), `counted`: what it counts
    ("messages"), "" where that says no more. `meaning` None: unknown here. `effective` False:
    known, but without effect on a queue of this type."""

    key: str
    value: str
    reading: str
    meaning: Meaning | None
    effective: bool = True

    @property
    def counted(self) -> str:
        units = ("messages", "deliveries", "members")
        return self.meaning.unit if self.meaning and self.meaning.unit in units else ""


@dataclass(frozen=True, slots=True)
class Feature:
    mark: str
    meaning: str


def explain_arguments(arguments: Mapping[str, Any], queue_type: str) -> list[Explained]:
    """Each argument of a queue with what it means, in alphabetical order."""
    return [_explain(key, arguments[key], queue_type) for key in sorted(arguments)]


def explain_policy(definition: Mapping[str, Any], queue_type: str) -> list[Explained]:
    """Each key of a policy's definition with what it means for a queue of this type."""
    return [_explain(key, definition[key], queue_type) for key in sorted(definition)]


def features(queue: Queue) -> list[Feature]:
    """What sets the queue apart, as short marks with their meaning. Only what is known."""
    found = []
    if queue.durable:
        found.append(Feature("D", "Durable: the queue survives a restart of the broker."))
    if queue.auto_delete:
        found.append(Feature("AD", "Auto-delete: deleted with its last consumer."))
    if queue.exclusive:
        found.append(Feature("Excl", "Exclusive: only the connection that declared it can use it."))
    others = []
    for one in explain_arguments(_mapping(queue.arguments), queue.type):
        if one.meaning and one.meaning.mark:
            said = f"{one.value} ({one.reading})" if one.reading else one.value
            found.append(Feature(one.meaning.mark, f"{one.meaning.label}: {said}"))
        elif one.key != "x-queue-type":
            others.append(one.key)
    if others:
        found.append(Feature("Args", f"Other arguments: {', '.join(others)}"))
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _explain(key: str, value: Any, queue_type: str) -> Explained:
    meaning = MEANINGS.get(key.removeprefix("x-"))
    effective = meaning is None or not queue_type or queue_type in meaning.types
    return Explained(key, _text(value), _reading(value, meaning), meaning, effective)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 2000 else text[:2000] + "…"


def _reading(value: Any, meaning: Meaning | None) -> str:
    """A number in words a person reads at once ("1 h 30 min"); "" where the value says it all."""
    if meaning is None or isinstance(value, bool) or not isinstance(value, int):
        return ""
    if value < 0:
        return "no limit" if meaning.unit == "deliveries" else ""
    if meaning.unit == "ms":
        return duration(value)
    if meaning.unit == "bytes":
        return " ".join(sized(value))
    return ""


def duration(ms: int) -> str:
    """`90 000` → "1 min 30 s": the two largest units that say it."""
    if ms < 1000:
        return f"{ms} ms"
    units: Sequence[tuple[str, int]] = (
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("min", 60_000),
        ("s", 1000),
        ("ms", 1),
    )
    said: list[str] = []
    for name, size in units:
        count, ms = divmod(ms, size)
        if count:
            said.append(f"{count} {name}")
        if len(said) == 2:
            break
    return " ".join(said)
