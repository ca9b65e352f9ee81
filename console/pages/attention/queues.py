"""Queues that don't deliver: down, without a majority of members, or with messages and no consumer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Case, Count, F, Q, Value, When, Window
from django.db.models.functions import RowNumber
from django.urls import reverse

from accessctl.authorize import AnyUser
from console.faces.attention import Act, AttentionItem, Harm, Many
from console.models import Broker
from console.models.broker_states import ANSWERING
from vhosts.models import Queue

#: Most queues of one condition and broker that are named.
_NAMED = 3
#: A queue that nobody consumes is left alone while nothing comes in: it is a store, such as one for
#: dead letters. Rates that aren't known count as something that may come in.
_UNCONSUMED = (
    Q(ready__gt=0, consumers=0)
    & ~Q(type="stream")
    & (Q(publish_rate__gt=0) | Q(growth_5m__gt=0) | Q(publish_rate=None, growth_5m=None))
)
_SENTENCES = {
    "down": ("is down.", "are down."),
    "minority": ("has no majority of its members.", "have no majority of their members."),
    "unconsumed": ("", "have messages and no consumers."),
}


def queue_conditions(
    user: AnyUser, brokers: Sequence[Broker], now: datetime
) -> Iterator[AttentionItem]:
    """Yield queues that don't deliver, a few for each broker and condition and one item for the
    others. One query."""
    by_id = {one.pk: one for one in brokers if one.status.shown_state(now) in ANSWERING}
    among = [F("broker"), F("what")]
    rows: Iterable[Any] = (
        Queue.objects.visible_to(user)
        .present()
        .filter(broker__in=by_id)
        .annotate(
            what=Case(
                When(state="down", then=Value("down")),
                When(state="minority", then=Value("minority")),
                When(_UNCONSUMED, then=Value("unconsumed")),
            )
        )
        .exclude(what=None)
        .annotate(
            number=Window(Count("pk"), partition_by=among),
            at=Window(RowNumber(), partition_by=among, order_by=[F("ready").desc(nulls_last=True), F("pk")]),
        )
        .filter(at__lte=_NAMED)
        .order_by("broker", "what", "at")
        .values("pk", "broker", "name", "what", "ready", "publish_rate", "growth_5m", "number", "at")
    )  # fmt: skip
    for row in rows:
        broker = by_id[row["broker"]]
        yield _item(row, broker)
        if row["at"] == _NAMED and row["number"] > _NAMED:
            yield _others(row, broker)


def _item(row: dict[str, Any], broker: Broker) -> AttentionItem:
    url = reverse("queue", args=[row["pk"]])
    sentence = _SENTENCES[row["what"]][0]
    cause = ""
    if row["what"] == "unconsumed":
        one = "message" if row["ready"] == 1 else "messages"
        sentence = f"has {row['ready']:,} ready {one} and no consumers."
        if (growth := row["growth_5m"]) is not None and growth > 0:
            cause = f"It grew by {growth:,} in 5 minutes."
    return AttentionItem(
        Harm.STOPPED, row["name"], url, sentence, cause=cause, act=Act("Open queue", url),
        broker=broker, many=_many(row["what"]),
    )  # fmt: skip


def _others(row: dict[str, Any], broker: Broker) -> AttentionItem:
    count = row["number"] - _NAMED
    many = _many(row["what"])
    url = f"{reverse('queues')}?{urlencode({'broker': broker.pk})}"
    return AttentionItem(
        Harm.STOPPED, f"{count:,} more {many.nouns}", url, many.sentence,
        act=Act("Open queues", url), broker=broker, many=many, count=count,
    )  # fmt: skip


def _many(what: str) -> Many:
    query = {"state": what} if what != "unconsumed" else {"no_consumers": "1", "non_empty": "1"}
    url = f"{reverse('queues')}?{urlencode(query)}"
    return Many(f"queues.{what}", "queues", _SENTENCES[what][1], url)
