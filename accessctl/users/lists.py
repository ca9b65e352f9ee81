"""Columns, sorting and filters of the list of RabbitMQ users."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Aggregate, Count, Exists, OuterRef, Q, QuerySet, Subquery

from accessctl import words as kinds
from accessctl.models import BrokerPermission, BrokerUser
from accessctl.reach import AnyUser
from console.faces.drawing import ListPage
from console.faces.lists import Column, Filter, ListSpec, contains
from console.faces.objects import cells

NO_TAG, OTHER_TAG = "none", "other"
TAG_CHOICES = {**{tag: tag for tag in kinds.TAGS}, OTHER_TAG: "Another tag", NO_TAG: "No tag"}


def _tagged(choice: str) -> Q:
    if choice == NO_TAG:
        return Q(tags=[])
    if choice == OTHER_TAG:
        return ~Q(tags__contained_by=list(kinds.TAGS))
    return Q(tags__contains=[choice])


def _of_permissions(permissions: QuerySet[Any], figure: Aggregate) -> Subquery:
    granted = permissions.filter(broker=OuterRef("broker"), user=OuterRef("name"))
    return Subquery(granted.order_by().values("broker").annotate(n=figure).values("n"))


def vhost_count(permissions: QuerySet[Any]) -> Subquery:
    """Return a user's number of virtual hosts within `permissions`, None without any; for
    sorting."""
    return _of_permissions(permissions, Count("pk"))


#: For an object of a broker: its permissions could be read, so that a missing one doesn't exist.
KNOWS_PERMISSIONS = ~Q(broker__status__part_errors__has_key="permissions") & Q(
    Q(broker__status__inventory_at__isnull=False)
    | Q(broker__status__parts_at__has_key="permissions")
)


def _without(permissions: QuerySet[Any]) -> Q:
    granted = permissions.filter(broker=OuterRef("broker"), user=OuterRef("name"))
    return ~Q(Exists(granted)) & KNOWS_PERMISSIONS


def vhost_names(permissions: QuerySet[Any]) -> Subquery:
    """Return the names of a user's virtual hosts within `permissions`; for exports."""
    return _of_permissions(permissions, ArrayAgg("vhost", order_by="vhost"))


USERS = ListSpec(
    name="users",
    default_sort="name",
    tiebreak=("broker__name", "id"),
    columns=[
        Column(key="name", label="Name", order=["name"], value=lambda u: u.name),
        cells.broker_column(),
        cells.sync_column(),
        Column(key="tags", label="Tags", value=lambda u: ", ".join(u.tags) or None),
        Column(
            key="password",
            label="Password",
            order=["has_password"],
            value=lambda u: u.has_password,
            help="Whether the user can authenticate with a password.",
        ),
        Column(
            key="vhosts",
            label="Virtual hosts",
            order=[vhost_count(BrokerPermission.objects.all())],
            value=lambda u: ", ".join(u.vhost_names or []) or None,
            descending_first=True,
            help="Virtual hosts in which the user has permissions.",
        ),
        Column(
            key="limits",
            label="Limits",
            value=lambda u: ", ".join(f"{k}={n}" for k, n in sorted(u.limits.items())) or None,
        ),
        Column(
            key="hashing",
            label="Hashing",
            order=["hashing_algorithm"],
            value=lambda u: u.hashing_algorithm or None,
            shown=False,
        ),
        Column(
            key="changed",
            label="Changed",
            order=["changed_at"],
            value=lambda u: u.changed_at,
            shown=False,
            descending_first=True,
            help="When the console last saw the user change.",
        ),
    ],
    filters=[
        Filter(key="search", label="Name", where=contains("name"), help="Part of the name."),
        Filter(
            key="tag", label="Tag", kind="choice", choices=TAG_CHOICES, where=_tagged, others=True
        ),
        Filter(
            key="no_access",
            label="No access",
            kind="flag",
            where=lambda _: _without(BrokerPermission.objects.all()),
            help="No permissions in any virtual host.",
        ),
        Filter(
            key="no_password",
            label="No password",
            kind="flag",
            where=lambda _: Q(has_password=False),
        ),
    ],
)


def users_for(viewer: AnyUser) -> ListSpec:
    """Return the list of users, sorted and filtered by permissions that the viewer may see: the
    order of rows would reveal others."""
    permissions = BrokerPermission.objects.visible_to(viewer)
    columns = {column.key: column for column in USERS.columns}
    filters = {one.key: one for one in USERS.filters}
    columns["vhosts"] = replace(columns["vhosts"], order=[vhost_count(permissions)])
    filters["no_access"] = replace(filters["no_access"], where=lambda _: _without(permissions))
    return replace(USERS, columns=list(columns.values()), filters=list(filters.values()))


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user as a list shows it. `vhosts`: where it has a permission, sorted. `unknown`: why there
    may be more; "" if there aren't."""

    user: BrokerUser
    vhosts: list[str]
    unknown: str


def user_rows(users: Sequence[BrokerUser], viewer: AnyUser) -> list[UserRow]:
    """Return the rows of one page, with the virtual hosts that the viewer may see. One query for
    all their permissions."""
    vhosts: dict[tuple[int, str], list[str]] = defaultdict(list)
    if users:
        permissions = BrokerPermission.objects.visible_to(viewer).filter(
            broker__in={user.broker_id for user in users}, user__in={user.name for user in users}
        )
        rows = permissions.order_by("vhost").values_list("broker_id", "user", "vhost")
        for broker_id, name, vhost in rows:
            vhosts[broker_id, name].append(vhost)
    return [
        UserRow(
            user,
            vhosts.get((user.broker_id, user.name), []),
            user.broker.status.why_unknown("permissions"),
        )
        for user in users
    ]


def _context(rows: Sequence[Any], viewer: AnyUser) -> Mapping[str, Any]:
    return {"user_rows": user_rows(rows, viewer), "tag_meanings": kinds.TAGS}


def _in_vhost(users: QuerySet[Any], vhost: str, viewer: AnyUser) -> QuerySet[Any]:
    """Return the users with a permission in the virtual host that the viewer may see."""
    there = BrokerPermission.objects.visible_to(viewer).filter(
        broker=OuterRef("broker"), user=OuterRef("name"), vhost=vhost
    )
    return users.filter(Exists(there))


def _exported(users: QuerySet[Any], viewer: AnyUser) -> QuerySet[Any]:
    seen = vhost_names(BrokerPermission.objects.visible_to(viewer))
    found: QuerySet[Any] = users.annotate(vhost_names=seen)
    return found


USERS_PAGE = ListPage(
    rows="accessctl/_user_rows.html",
    context=_context,
    for_viewer=users_for,
    in_vhost=_in_vhost,
    exported=_exported,
)
