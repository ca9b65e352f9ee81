"""Columns, sorting and filters of the list of queues, for the page and its CSV."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import F, Q

from console.faces.lists import Column, Filter, ListSpec, contains, equals
from vhosts.models import Queue
from vhosts.queues import arguments as kinds
from vhosts.queues.health.listed import BY_HARM, CONDITION_CHOICES, by_condition

_OTHER, _UNKNOWN = "other", "unknown"
#: The console's own state: the broker no longer lists the queue. Hidden unless this state is
#: selected.
GONE = "gone"
TYPE_CHOICES = {**kinds.TYPES, _OTHER: "Another type", _UNKNOWN: "Not known yet"}
STATE_CHOICES = {
    **kinds.STATES,
    _OTHER: "Another state",
    _UNKNOWN: "Not known yet",
    GONE: "Gone",
}
#: What goes out: to consumers and by basic.get.
OUT_RATE = F("deliver_rate") + F("get_rate")


def out_rate(queue: Queue) -> float | None:
    """Return what goes out in messages a second; None if unknown."""
    if queue.deliver_rate is None or queue.get_rate is None:
        return None
    return float(queue.deliver_rate + queue.get_rate)


def rates_read_at(queue: Queue) -> datetime | None:
    """Return the time of the queue's rates; None if they are unknown. Rates that stay the same
    aren't written again, so the time is that of the broker's last reading."""
    read_at: datetime | None = queue.broker.status.rates_at
    return None if queue.publish_rate is None else read_at


def choice_of(value: str, choices: dict[str, str]) -> str:
    """Return the choice that a stored type or state belongs to."""
    return (value if value in choices else _OTHER) if value else _UNKNOWN


def _one_of(field: str, known: dict[str, str]) -> Any:
    def where(choice: str) -> Q:
        if choice == GONE:
            return Q(gone_at__isnull=False)
        if choice == _UNKNOWN:
            return Q(**{field: ""})
        if choice == _OTHER:
            return ~Q(**{f"{field}__in": ["", *known]})
        return Q(**{field: choice})

    return where


SEARCH = Filter(key="search", label="Name", where=contains("name"), help="Part of the name.")
TYPE = Filter(
    key="type",
    label="Type",
    kind="choice",
    choices=TYPE_CHOICES,
    where=_one_of("type", kinds.TYPES),
)
STATE = Filter(
    key="state",
    label="State",
    kind="choice",
    choices=STATE_CHOICES,
    where=_one_of("state", kinds.STATES),
)
CONDITION = Filter(
    key="condition",
    label="Health",
    kind="choice",
    choices=CONDITION_CHOICES,
    where=by_condition,
    help="What is wrong, worst first.",
)
NON_EMPTY = Filter(
    key="non_empty",
    label="Not empty",
    kind="flag",
    where=lambda _: Q(total__gt=0),
    help="With at least one message, ready or unacked.",
)
NO_CONSUMERS = Filter(
    key="no_consumers",
    label="No consumers",
    kind="flag",
    where=lambda _: Q(consumers=0),
    help="The broker reported no consumers.",
)
BUSY = Filter(
    key="busy",
    label="With traffic",
    kind="flag",
    where=lambda _: Q(publish_rate__gt=0) | Q(deliver_rate__gt=0) | Q(get_rate__gt=0),
    help="With messages coming in or going out at the last poll.",
)
GROWING = Filter(
    key="growing",
    label="Growing",
    kind="flag",
    where=lambda _: Q(growth_5m__gt=0),
    help="With more messages than 5 minutes ago.",
)
NOISE = Filter(
    key="noise",
    label="Noise",
    kind="flag",
    where=lambda _: Q(noise=True),
    help="Only queues that match a noise pattern; other lists leave them out.",
)
POLICY = Filter(key="policy", label="Policy", where=equals("policy"), control=False)

QUEUES = ListSpec(
    name="queues",
    # The deepest queues first.
    default_sort="-total",
    tiebreak=("broker__name", "vhost", "name", "id"),
    columns=[
        Column(key="name", label="Name", order=["name"], value=lambda q: q.name),
        Column(key="vhost", label="Virtual host", order=["vhost", "name"], value=lambda q: q.vhost),
        Column(key="broker", label="Broker", order=["broker__name"], value=lambda q: q.broker.name),
        Column(key="type", label="Type", order=["type"], value=lambda q: q.type or None),
        Column(
            key="condition",
            label="Health",
            order=[BY_HARM, F("growth_5m") * -1],
            value=lambda q: q.condition or None,
            help="What is worst of it, else its state. Sorted by harm, then by growth.",
        ),
        Column(
            key="state",
            label="State",
            order=["state"],
            value=lambda q: q.state or None,
            shown=False,
        ),
        Column(
            key="ready",
            label="Ready",
            order=["ready"],
            value=lambda q: q.ready,
            align="end",
            descending_first=True,
            help="Messages waiting to be delivered.",
        ),
        Column(
            key="unacked",
            label="Unacked",
            order=["unacked"],
            value=lambda q: q.unacked,
            align="end",
            descending_first=True,
            help="Messages delivered but not yet acknowledged.",
        ),
        Column(
            key="total",
            label="Total",
            order=["total"],
            value=lambda q: q.total,
            align="end",
            descending_first=True,
            help="Ready and unacked together.",
        ),
        Column(
            key="in_rate",
            label="In/s",
            order=["publish_rate"],
            value=lambda q: q.publish_rate,
            align="end",
            descending_first=True,
            help="Messages a second that came in, since the poll before the last one.",
        ),
        Column(
            key="out_rate",
            label="Out/s",
            order=[OUT_RATE],
            value=out_rate,
            align="end",
            descending_first=True,
            help="Messages a second that were delivered to consumers or fetched.",
        ),
        Column(
            key="growth_5m",
            label="Δ 5 min",
            order=["growth_5m"],
            value=lambda q: q.growth_5m,
            align="end",
            descending_first=True,
            help="How many more messages than 5 minutes ago. Sort by it to see what grows fastest.",
        ),
        Column(
            key="consumers",
            label="Consumers",
            order=["consumers"],
            value=lambda q: q.consumers,
            align="end",
            descending_first=True,
            help="Counted with each inventory; the page of a queue says when.",
        ),
        Column(
            key="change",
            label="Last hour",
            help="Total messages over the last hour. Each line has its own scale, from 0 to the "
            "highest number, which stands beside it.",
        ),
        Column(key="policy", label="Policy", order=["policy"], value=lambda q: q.policy or None),
        Column(
            key="operator_policy",
            label="Operator policy",
            order=["operator_policy"],
            value=lambda q: q.operator_policy or None,
            shown=False,
        ),
        Column(
            key="features",
            label="Features",
            value=lambda q: " ".join(feature.mark for feature in kinds.features(q)) or None,
            # The list with rates leaves no room for it at 1280 pixels.
            shown=False,
        ),
        Column(
            key="node", label="Node", order=["node"], value=lambda q: q.node or None, shown=False
        ),
        Column(
            key="first_seen",
            label="First seen",
            order=["first_seen_at"],
            value=lambda q: q.first_seen_at,
            shown=False,
            descending_first=True,
        ),
        Column(
            key="ack_rate",
            label="Ack/s",
            order=["ack_rate"],
            value=lambda q: q.ack_rate,
            align="end",
            shown=False,
            descending_first=True,
        ),
        Column(
            key="redeliver_rate",
            label="Redeliver/s",
            order=["redeliver_rate"],
            value=lambda q: q.redeliver_rate,
            align="end",
            shown=False,
            descending_first=True,
            help="Messages a second that were delivered again.",
        ),
        Column(
            key="rates_at",
            label="Rates read",
            order=["broker__status__rates_at"],
            value=rates_read_at,
            shown=False,
            descending_first=True,
        ),
        Column(
            key="depths_at",
            label="Depth read",
            order=["broker__status__depths_at"],
            value=lambda q: q.broker.status.depths_at,
            shown=False,
            descending_first=True,
        ),
    ],
    filters=[SEARCH, TYPE, STATE, CONDITION, NON_EMPTY, NO_CONSUMERS, GROWING, BUSY, NOISE, POLICY],
)
