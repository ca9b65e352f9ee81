"""Columns, sorting and filters of the list of queues, for the page and its CSV."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from console.faces.lists import Column, Filter, ListSpec, contains, equals
from vhosts.queues import arguments as kinds

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
        Column(key="state", label="State", order=["state"], value=lambda q: q.state or None),
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
            key="consumers",
            label="Consumers",
            order=["consumers"],
            value=lambda q: q.consumers,
            align="end",
            descending_first=True,
            help="Counted with each inventory; the page of a queue says when.",
        ),
        Column(key="change", label="Last hour", help="Total messages over the last hour."),
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
            key="depths_at",
            label="Depth read",
            order=["broker__status__depths_at"],
            value=lambda q: q.broker.status.depths_at,
            shown=False,
            descending_first=True,
        ),
    ],
    filters=[SEARCH, TYPE, STATE, NON_EMPTY, NO_CONSUMERS, NOISE, POLICY],
)
