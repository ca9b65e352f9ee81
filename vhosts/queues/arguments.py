"""Queue types and states, and the meaning of arguments and policy keys.

Sources: RabbitMQ's documentation and validators (rabbit_amqqueue, rabbit_policies), from 3.10 to
4.3. A key that isn't listed here is shown as it is, without an explanation.
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
#: The states of a queue, in RabbitMQ's terms.
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

#: The limits of virtual hosts and users.
LIMITS = {
    "max-connections": "concurrent connections",
    "max-queues": "queues",
    "max-channels": "concurrent channels",
}


@dataclass(frozen=True, slots=True)
class Explained:
    """A key with its value.

    `reading` is the value as text ("1 h 30 min"), `counted` its unit ("messages"); both are "" if
    they add nothing. `meaning` None: unknown key. `effective` False: a known key without effect on
    this type of queue.
    """

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
    """Return each argument of a queue with its meaning, in alphabetical order."""
    return [_explain(key, arguments[key], queue_type) for key in sorted(arguments)]


def explain_policy(definition: Mapping[str, Any], queue_type: str) -> list[Explained]:
    """Return each key of a policy's definition with its meaning for a queue of this type."""
    return [_explain(key, definition[key], queue_type) for key in sorted(definition)]


def features(queue: Queue) -> list[Feature]:
    """Return the queue's features as short marks with their meaning. Only known ones."""
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
    """Return a number in readable form ("1 h 30 min"); "" if the value needs none."""
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
    """`90 000` → "1 min 30 s": at most the two largest units."""
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
