"""Columns, filters and orders of the list of virtual hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Aggregate, Count, Exists, OuterRef, Q, QuerySet, Subquery, Sum
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accessctl.models import BrokerPermission
from accessctl.users.lists import KNOWS_PERMISSIONS
from console.faces.drawing import ListPage
from console.faces.lists import Column, Filter, ListSpec, contains
from console.faces.objects import cells
from console.faces.templatetags.warren import name_tag
from console.kinds.vhost import DEFAULT_TYPE
from vhosts.models import Queue, VirtualHost


def _of_queues(figure: Aggregate) -> Subquery:
    """Return a figure over a vhost's queues, to sort by and to export; None if it has no queues."""
    queues = Queue.objects.present().filter(broker=OuterRef("broker"), vhost=OuterRef("name"))
    return Subquery(queues.order_by().values("broker").annotate(n=figure).values("n"))


_PERMITTED = BrokerPermission.objects.filter(broker=OuterRef("broker"), vhost=OuterRef("name"))
QUEUE_COUNT = _of_queues(Count("pk"))
READY_SUM = _of_queues(Sum("ready"))
UNACKED_SUM = _of_queues(Sum("unacked"))
USER_COUNT = Subquery(_PERMITTED.order_by().values("broker").annotate(n=Count("pk")).values("n"))


def _default_type(vhost: VirtualHost) -> SafeString:
    if told := getattr(vhost, DEFAULT_TYPE):
        return name_tag(told, fit=True)
    return format_html(
        '<span class="muted" tabindex="0" data-tip="{}">not set</span>',
        "Not set: the node’s default applies, usually classic.",
    )


_TYPE_COLUMN = Column(
    key=DEFAULT_TYPE,
    label="Default queue type",
    order=[DEFAULT_TYPE],
    value=lambda v: getattr(v, DEFAULT_TYPE) or None,
    cell=_default_type,
    help="The type of queues declared without a type.",
)
VHOSTS = ListSpec(
    name="virtual-hosts",
    default_sort="broker",
    tiebreak=("name", "id"),
    columns=[
        Column(key="name", label="Name", order=["name"], value=lambda v: v.name),
        cells.broker_column(),
        cells.sync_column(),
        Column(
            key="queues",
            label="Queues",
            order=[QUEUE_COUNT],
            value=lambda v: v.broker.status.counted("queues", v.queue_count or 0),
            align="end",
            descending_first=True,
        ),
        Column(
            key="ready",
            label="Ready",
            order=[READY_SUM],
            value=lambda v: v.ready_sum,
            align="end",
            descending_first=True,
            help="Messages waiting to be delivered, in all its queues.",
        ),
        Column(
            key="unacked",
            label="Unacked",
            order=[UNACKED_SUM],
            value=lambda v: v.unacked_sum,
            align="end",
            descending_first=True,
            help="Messages delivered but not yet acknowledged, in all its queues.",
        ),
        Column(
            key="users",
            label="Users",
            order=[USER_COUNT],
            value=lambda v: v.broker.status.counted("permissions", v.user_count or 0),
            align="end",
            descending_first=True,
            help="Users with permissions in this virtual host.",
        ),
        Column(key="state", label="State", help="State on each node of the broker."),
        _TYPE_COLUMN,
        Column(key="tracing", label="Tracing", order=["tracing"], value=lambda v: v.tracing),
        Column(
            key="limits",
            label="Limits",
            value=lambda v: ", ".join(f"{k}={n}" for k, n in sorted(v.limits.items())) or None,
        ),
        Column(key="tags", label="Tags", value=lambda v: ", ".join(v.tags) or None),
        Column(
            key="description",
            label="Description",
            order=["description"],
            value=lambda v: v.description or None,
        ),
    ],
    filters=[
        Filter(
            key="search",
            label="Name or description",
            where=contains("name", "description"),
            help="Part of the name or description.",
        ),
        Filter(
            key="tag",
            label="Tag",
            where=lambda tag: Q(tags__contains=[tag]),
        ),
        Filter(key="tracing", label="Tracing on", kind="flag", where=lambda _: Q(tracing=True)),
        Filter(
            key="no_users",
            label="No users",
            kind="flag",
            where=lambda _: ~Q(Exists(_PERMITTED)) & KNOWS_PERMISSIONS,
            help="Nobody has a permission in it.",
        ),
    ],
)


@dataclass(frozen=True, slots=True)
class VhostRow:
    """A virtual host in a list. The sums are None if no depth is known; `unknown` is the number of
    queues not in them. `users` is the number of users with a permission in it. `queues` and `users`
    are None if the broker doesn't show them."""

    vhost: VirtualHost
    queues: int | None
    ready: int | None
    unacked: int | None
    unknown: int
    users: int | None


def vhost_rows(vhosts: Sequence[VirtualHost]) -> list[VhostRow]:
    """Return the rows of one page. Two queries, each over all queues or permissions of these
    vhosts."""
    of_page = {
        "broker__in": {vhost.broker_id for vhost in vhosts},
        "vhost__in": {vhost.name for vhost in vhosts},
    }
    queues: dict[tuple[int, str], dict[str, Any]] = {}
    users: dict[tuple[int, str], int] = {}
    if vhosts:
        key = ("broker", "vhost")
        there = Queue.objects.present().filter(**of_page).order_by().values(*key)
        figures = ("queues", "ready", "unacked", "unknown")
        counted = there.annotate(
            queues=Count("pk"),
            ready=Sum("ready"),
            unacked=Sum("unacked"),
            unknown=Count("pk", filter=Q(total=None)),
        )
        for broker, vhost, *values in counted.values_list(*key, *figures):
            queues[broker, vhost] = dict(zip(figures, values, strict=True))
        permitted = BrokerPermission.objects.filter(**of_page).order_by().values(*key)
        for broker, vhost, n in permitted.annotate(n=Count("pk")).values_list(*key, "n"):
            users[broker, vhost] = n
    rows = []
    for vhost in vhosts:
        of_vhost, status = (vhost.broker_id, vhost.name), vhost.broker.status
        if (figures_there := queues.get(of_vhost)) is None:
            none = status.counted("queues", 0)
            figures_there = {"queues": none, "ready": none, "unacked": none, "unknown": 0}
        permitted_there = status.counted("permissions", users.get(of_vhost, 0))
        rows.append(VhostRow(vhost=vhost, users=permitted_there, **figures_there))
    return rows


def _context(rows: Sequence[Any], viewer: Any) -> Mapping[str, Any]:
    return {"vhost_rows": vhost_rows(rows), "type_column": _TYPE_COLUMN}


def _exported(vhosts: QuerySet[Any], viewer: Any) -> QuerySet[Any]:
    found: QuerySet[Any] = vhosts.annotate(
        queue_count=QUEUE_COUNT, ready_sum=READY_SUM, unacked_sum=UNACKED_SUM, user_count=USER_COUNT
    )
    return found


VHOSTS_PAGE = ListPage(
    reads="polls", rows="vhosts/_vhost_rows.html", context=_context, exported=_exported
)
