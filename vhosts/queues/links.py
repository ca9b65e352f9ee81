"""URLs for the rows of a page, resolved once instead of once per row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlencode

from django.urls import reverse

from vhosts.models import Queue
from vhosts.selectors import QueueRow


class Links(NamedTuple):
    """URLs of one queue, of its virtual host's queues, and of its broker's queues."""

    queue: str
    vhost: str
    broker: str


def linked(rows: Iterable[QueueRow]) -> list[tuple[QueueRow, Queue, Links]]:
    here = reverse("queues")
    vhosts: dict[tuple[int, str], tuple[str, str]] = {}
    found = []
    for row in rows:
        queue = row.queue
        key = (queue.broker_id, queue.vhost)
        if key not in vhosts:
            broker = f"{here}?{urlencode({'broker': queue.broker_id})}"
            vhosts[key] = (f"{broker}&{urlencode({'vhost': queue.vhost})}", broker)
        found.append((row, queue, Links(f"{here}{queue.pk}/", *vhosts[key])))
    return found
