"""Depths as a source reported them, before they are stored."""

from __future__ import annotations

from dataclasses import dataclass, field

from console.rabbitmq.prometheus.scrape import Scrape
from console.rabbitmq.types import (
    DepthSource,
    QueueDepth,
    RejectedRow,
)


@dataclass(frozen=True)
class Depths:
    """Depths to store.

    With `whole`, `items` has all queues. Otherwise it has only those that differ from the stored
    ones, and `vanished` those that are missing now. `complete`: no queue was left out.
    """

    source: DepthSource
    items: list[QueueDepth]
    complete: bool
    whole: bool
    queues: int
    ready: int | None
    unacked: int | None
    rejected: list[RejectedRow] = field(default_factory=list)
    #: Queues in `items` that are new; None if unknown.
    new: set[tuple[str, str]] | None = None
    vanished: set[tuple[str, str]] = field(default_factory=set)
    #: Kept in the cache after this is stored.
    scrape: Scrape | None = None
    #: Why depths may be missing although `complete`: a sentence about nodes that are down, or "".
    why_not_all: str = ""
    #: Number of queues that the broker's overview counts and this source doesn't list.
    untold: int = 0
    #: If they are unlisted because of a missing right: a sentence with the remedy; else "".
    lacks_right: str = ""
