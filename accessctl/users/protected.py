"""Users with RabbitMQ's tag `protected`: known before a plan, so that no change of one ends rejected.

RabbitMQ 4.3 answers 400 to a PUT or DELETE of such a user over its HTTP API; its limits and permissions can be
changed (tried on 4.3.6). On older versions the tag has no meaning, but for some of 4.x where that was not tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.errors import NotAllowed
from console.models import Broker

_TAG = "protected"
_SINCE, _PERHAPS_SINCE = (4, 3), (4, 1)


def refuse_protected(
    broker: Broker,
    name: str,
    observed: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    *,
    new_password: bool = False,
) -> None:
    """`after` None: it is to be deleted. Raises NotAllowed where this version refuses that."""
    if observed is None or _TAG not in observed.get("tags", ()) or _version(broker) < _SINCE:
        return
    same = after is not None and set(after.get("tags", ())) == set(observed["tags"])
    if same and not new_password:
        return
    act = "delete" if after is None else "change"
    raise NotAllowed(
        f"The user {name} has the tag protected, so RabbitMQ refuses to {act} it over its HTTP API. "
        f"To {act} it, run rabbitmqctl on a node of {broker.name}."
    )


def note_on(broker: Broker, tags: object) -> list[str]:
    """What to think of before it is deleted, where it is not known what this version does."""
    if isinstance(tags, list) and _TAG in tags and _PERHAPS_SINCE <= _version(broker) < _SINCE:
        return ["It has the tag protected: this RabbitMQ version may refuse. Then use rabbitmqctl."]
    return []


def _version(broker: Broker) -> tuple[int, ...]:
    """(0,) where it is not known: then the broker decides."""
    parts = broker.status.rabbitmq_version.split(".")[:2]
    return tuple(map(int, parts)) if len(parts) == 2 and all(p.isdecimal() for p in parts) else (0,)
