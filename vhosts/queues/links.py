"""URLs for the list of queues: of a page's rows, resolved once instead of once per row, and of its
conditions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import urlencode

from django.urls import reverse

from console.faces.lists import ListRequest
from console.faces.templatetags._states import STATES
from vhosts.models import Queue
from vhosts.queues.health.conditions import RULES
from vhosts.queues.health.listed import CONDITION_CHOICES, TROUBLE
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


class ConditionLink(NamedTuple):
    """A condition with the number of queues that have it, as a link that filters, or that clears the
    filter if it is `chosen`."""

    label: str
    number: int
    tone: str
    href: str
    chosen: bool


def condition_links(asked: ListRequest, counts: Mapping[str, int]) -> list[ConditionLink]:
    """Return the conditions that some queue has, worst first, after all of them together."""
    chosen = asked.values.get("condition")
    found = []
    for name in (TROUBLE, *RULES):
        if counts.get(name) or name == chosen:
            by_harm = "condition" if asked.sort == asked.spec.default_sort else asked.sort
            changes = (
                {"condition": None} if name == chosen else {"condition": name, "sort": by_harm}
            )
            tone = STATES[name].tone if name in STATES else ""
            href = asked.href(page=1, **changes)
            found.append(
                ConditionLink(
                    CONDITION_CHOICES[name], counts.get(name, 0), tone, href, name == chosen
                )
            )
    return found
