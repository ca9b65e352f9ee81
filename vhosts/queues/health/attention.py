"""What Fleet shows of queues under *Needs attention*: those with a condition that harms, as the last
poll stored it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, F, Window
from django.db.models.functions import RowNumber
from django.urls import reverse

from accessctl.authorize import AnyUser
from console.faces.attention import Act, AttentionItem, Harm, Many
from console.models import Broker
from console.models.broker_states import ANSWERING
from vhosts.models import Queue
from vhosts.queues.health.conditions import harm_of

#: Most queues of one condition and broker that are named.
_NAMED = 3
#: By stored condition (vhosts.queues.health): what is said of one queue and of several. What only
#: grows, or waits with nothing coming in, is left to the list.
_SENTENCES = {
    "losing": ("is full and loses messages.", "are full and lose messages."),
    "rejecting": ("is full and refuses messages.", "are full and refuse messages."),
    "down": ("is down.", "are down."),
    "minority": ("has no majority of its members.", "have no majority of their members."),
    "no_leader": ("has no leader.", "have no leader."),
    "stuck": ("delivers nothing to its consumers.", "deliver nothing to their consumers."),
    "no_consumers": ("", "have messages and no consumers."),
    "full": ("is at its limit.", "are at their limit."),
    "filling": ("reaches its limit within an hour.", "reach their limit within an hour."),
    "member_down": ("has a member that is down.", "have a member that is down."),
    "redelivering": ("delivers mostly repeats.", "deliver mostly repeats."),
    "slow_consumers": ("grows although it is consumed.", "grow although they are consumed."),
}
_HARM = {"lost": Harm.LOST, "stopped": Harm.STOPPED, "will_break": Harm.WILL_BREAK}


def queue_conditions(
    user: AnyUser, brokers: Sequence[Broker], now: datetime
) -> Iterator[AttentionItem]:
    """Yield queues with a condition that harms, a few for each broker and condition and one item for
    the others. Noise is left out. One query."""
    by_id = {one.pk: one for one in brokers if one.status.shown_state(now) in ANSWERING}
    among = [F("broker"), F("condition")]
    rows: Iterable[Any] = (
        Queue.objects.visible_to(user)
        .present()
        .filter(broker__in=by_id, condition__in=list(_SENTENCES), noise=False)
        .annotate(
            number=Window(Count("pk"), partition_by=among),
            at=Window(RowNumber(), partition_by=among, order_by=[F("ready").desc(nulls_last=True), F("pk")]),
        )
        .filter(at__lte=_NAMED)
        .order_by("broker", "condition", "at")
        .values("pk", "broker", "name", "condition", "condition_since", "ready", "growth_5m", "number", "at")
    )  # fmt: skip
    # One for all: each holds an address, and there may be a thousand items.
    manies = {condition: _many(condition) for condition in _SENTENCES}
    for row in rows:
        broker, many = by_id[row["broker"]], manies[row["condition"]]
        yield _item(row, broker, many)
        if row["at"] == _NAMED and row["number"] > _NAMED:
            yield _others(row, broker, many)


def _item(row: dict[str, Any], broker: Broker, many: Many) -> AttentionItem:
    url = reverse("queue", args=[row["pk"]])
    condition = row["condition"]
    sentence = _SENTENCES[condition][0]
    if condition == "no_consumers":
        ready = row["ready"]
        number = (
            "messages" if ready is None else f"{ready:,} ready message{'' if ready == 1 else 's'}"
        )
        sentence = f"has {number} and no consumers."
    growth = row["growth_5m"] or 0
    return AttentionItem(
        _HARM[harm_of(condition)], row["name"], url, sentence,
        cause=f"It grew by {growth:,} in 5 minutes." if growth > 0 else "",
        since=row["condition_since"], act=Act("Open queue", url), broker=broker, many=many,
    )  # fmt: skip


def _others(row: dict[str, Any], broker: Broker, many: Many) -> AttentionItem:
    count = row["number"] - _NAMED
    query = urlencode({"broker": broker.pk, "condition": row["condition"]})
    url = f"{reverse('queues')}?{query}"
    return AttentionItem(
        _HARM[harm_of(row["condition"])], f"{count:,} more {many.nouns}", url, many.sentence,
        act=Act("Open queues", url), broker=broker, many=many, count=count,
    )  # fmt: skip


def _many(condition: str) -> Many:
    url = f"{reverse('queues')}?{urlencode({'condition': condition})}"
    return Many(f"queues.{condition}", "queues", _SENTENCES[condition][1], url)
