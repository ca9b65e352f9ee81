"""Depths as a source reported them, before they are stored."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from console.rabbitmq.prometheus.counters import Counters
from console.rabbitmq.prometheus.scrape import Scrape
from console.rabbitmq.types import (
    DepthSource,
    Listing,
    QueueDepth,
    RejectedRow,
)
from vhosts.polling.inventory.quarantine import sound_depths


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
    #: The counters of every node; empty if one didn't give them.
    counters: tuple[Counters, ...] = ()
    #: The size of the answers in bytes, and the time of the slowest in ms; None if not scraped.
    size: int | None = None
    took_ms: int | None = None
    #: Why depths may be missing although `complete`: a sentence about nodes that are down, or "".
    why_not_all: str = ""
    #: Number of queues that the broker's overview counts and this source doesn't list.
    untold: int = 0
    #: If they are unlisted because of a missing right: a sentence with the remedy; else "".
    lacks_right: str = ""


def whole(source: DepthSource, listing: Listing[QueueDepth]) -> Depths:
    """Return the depths of a listing that has all queues."""
    rejected = list(listing.rejected)
    items = [
        item
        if item.ready is None or item.unacked is None
        else replace(item, total=item.ready + item.unacked)
        for item in sound_depths(listing.items, rejected)
    ]
    return Depths(
        source=source,
        items=items,
        complete=listing.complete,
        whole=True,
        queues=len(items),
        ready=_summed([item.ready for item in items]),
        unacked=_summed([item.unacked for item in items]),
        rejected=rejected,
    )


def _summed(values: list[int | None]) -> int | None:
    """Return the sum of the known values, or None if there are values and all are unknown."""
    known = [value for value in values if value is not None]
    return sum(known) if known or not values else None
