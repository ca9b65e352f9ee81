"""The sentence behind a badge in the list of queues, from what is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vhosts.models import Queue
from vhosts.queues.health.conditions import GROWTH_S
from vhosts.queues.health.figures import messages
from vhosts.queues.health.forecast import about


def hint_of(queue: Queue) -> str:
    """Return what the badge's tip says; "" if the general words for the condition are enough."""
    tell = _HINTS.get(queue.condition)
    return tell(queue) if tell else ""


def _losing(queue: Queue) -> str:
    return f"It has reached its limit of {messages(queue.max_length or 0)} and drops its oldest."


def _rejecting(queue: Queue) -> str:
    return f"It has reached its limit of {messages(queue.max_length or 0)} and refuses new ones."


def _filling(queue: Queue) -> str:
    """The time from the growth of the last 5 minutes; the queue's page fits the last hours."""
    if not queue.growth_5m or queue.max_length is None or queue.ready is None:
        return ""
    seconds = (queue.max_length - queue.ready) * GROWTH_S / queue.growth_5m
    return (
        f"It reaches its limit of {messages(queue.max_length)} in {about(seconds)}, "
        "if it grows on as in the last 5 minutes."
    )


def _members(queue: Queue) -> str:
    if queue.members is None or queue.members_online is None:
        return ""
    return f"{queue.members_online} of {queue.members} members are online."


_HINTS: Mapping[str, Callable[[Queue], str]] = {
    "losing": _losing,
    "rejecting": _rejecting,
    "filling": _filling,
    "member_down": _members,
}
