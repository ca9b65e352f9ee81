"""What a reading was, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.faces.pages.words import counted
from vhosts.messages.peeking.guard import spare_of
from vhosts.messages.peeking.read import Outcome

_ENDED = {
    "empty": "These were all ready messages. Unacked ones stay with their consumers.",
    "bytes": "Reading stopped early: the console reads a few megabytes at once.",
    "time": "Reading stopped early: the broker took too long.",
    "caught_up": "These were all messages up to the end of the stream.",
}


def as_kept(outcome: Outcome) -> dict[str, Any]:
    """Return the outcome without its messages, as JSON."""
    return {
        "way": outcome.way,
        "ended": outcome.ended,
        "left": outcome.left,
        "copied": outcome.copied,
        "endangered": outcome.endangered,
        "passed": outcome.passed,
        "limit": outcome.verdict.limit,
        "looks_left": looks_left(outcome),
    }


def looks_left(outcome: Outcome) -> int | None:
    """Return how many more looks the console allows at what was read; None: as many as you like."""
    limit, left = outcome.verdict.limit, outcome.verdict.left
    return None if limit is None or left is None else max(0, left - spare_of(limit))


def notes_of(kept: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (tone, sentence) of what a reader must know about the reading."""
    found: list[tuple[str, str]] = []
    if kept["endangered"]:
        found.append((
            "bad",
            f"{counted(kept['endangered'], 'message')} had no return left and couldn’t be copied: RabbitMQ "
            "dead-letters or deletes it. Look at the queue’s dead letters.",
        ))  # fmt: skip
    if kept["copied"]:
        found.append((
            "warn",
            f"{counted(kept['copied'], 'message')} had no return left, so it couldn’t be put back. A copy, which "
            "the broker confirmed, is at the end of the queue instead.",
        ))  # fmt: skip
    if kept["way"] == "stream":
        found.append(("busy", "Reading a stream takes nothing and changes nothing."))
    elif kept["way"] == "http":
        found.append((
            "warn",
            "Read over the management API, because the broker can’t be reached over AMQP: types of headers are lost.",
        ))  # fmt: skip
    if kept["looks_left"] is not None:
        looks = kept["looks_left"]
        found.append((
            "warn",
            f"Each look counts against the delivery limit of {kept['limit']}. "
            + (f"{counted(looks, 'more look')} at these messages possible."
               if looks else "No more looks: what is left is kept for consumers."),
        ))  # fmt: skip
    if kept["ended"] in _ENDED:
        found.append(("busy", _ENDED[kept["ended"]]))
    if kept["passed"]:
        found.append((
            "busy",
            f"{counted(kept['passed'], 'message')} came along in the same chunks and didn’t match the filter.",
        ))  # fmt: skip
    return found
