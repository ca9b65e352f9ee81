"""Depths as a source told them, before they are stored."""

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
    """Depths to store. `whole`: `items` are all queues; else only what differs from `base`, and
    `vanished` those no longer there. `complete` says that no queue was left out."""

    source: DepthSource
    items: list[QueueDepth]
    complete: bool
    whole: bool
    queues: int
    ready: int | None
    unacked: int | None
    rejected: list[RejectedRow] = field(default_factory=list)
    #: Queues in `items` that were not there before; None: not known which.
    new: set[tuple[str, str]] | None = None
    vanished: set[tuple[str, str]] = field(default_factory=set)
    #: To be remembered once this is stored.
    scrape: Scrape | None = None
    #: Why depths of queues may be missing although `complete`: nodes are down. A sentence, "" if none.
    why_not_all: str = ""
    #: Queues that the broker's overview counts and this source does not name.
    untold: int = 0
    #: Where that is a missing right: a sentence with the remedy; else "".
    lacks_right: str = ""
