"""What the lists of RabbitMQ users and permissions show, sort and filter by."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Aggregate, Count, Exists, OuterRef, Q, QuerySet, Subquery

from accessctl import words as kinds
from accessctl.models import BrokerPermission
from accessctl.reach import AnyUser
from console.faces.lists import Column, Filter, ListSpec, contains, equals

_BROKER = Column(
    key="broker", label="Broker", order=["broker__name"], value=lambda row: row.broker.name
)
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
    """Of a user, as far as `permissions` has them, None without any: to sort by."""
    return _of_permissions(permissions, Count("pk"))


#: Of an object of a broker: whether its permissions could be read, so that none there means that there is none.
KNOWS_PERMISSIONS = ~Q(broker__status__part_errors__has_key="permissions") & Q(
    Q(broker__status__inventory_at__isnull=False)
    | Q(broker__status__parts_at__has_key="permissions")
)


def _without(permissions: QuerySet[Any]) -> Q:
    granted = permissions.filter(broker=OuterRef("broker"), user=OuterRef("name"))
    return ~Q(Exists(granted)) & KNOWS_PERMISSIONS


def vhost_names(permissions: QuerySet[Any]) -> Subquery:
    """The names of a user's virtual hosts, as far as `permissions` has them: to export."""
    return _of_permissions(permissions, ArrayAgg("vhost", order_by="vhost"))


USERS = ListSpec(
    name="users",
    default_sort="name",
    tiebreak=("broker__name", "id"),
    columns=[
        Column(key="name", label="Name", order=["name"], value=lambda u: u.name),
        _BROKER,
        Column(
            key="sync",
            label="Sync",
            help="Sync status with the broker.",
        ),
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
        Filter(key="tag", label="Tag", kind="choice", choices=TAG_CHOICES, where=_tagged),
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
    """The list of users, sorted and filtered by the permissions that the viewer may see: the order of rows
    would tell of others."""
    permissions = BrokerPermission.objects.visible_to(viewer)
    columns = {column.key: column for column in USERS.columns}
    filters = {one.key: one for one in USERS.filters}
    columns["vhosts"] = replace(columns["vhosts"], order=[vhost_count(permissions)])
    filters["no_access"] = replace(filters["no_access"], where=lambda _: _without(permissions))
    return replace(USERS, columns=list(columns.values()), filters=list(filters.values()))


def _column(key: str, label: str, **more: Any) -> Column:
    return Column(key=key, label=label, order=[key], value=lambda row: getattr(row, key), **more)


_PATTERN_SEARCH = Filter(
    key="search",
    label="User, virtual host or pattern",
    where=contains("user", "vhost", "write", "read"),
    help="Part of the user's or virtual host's name or of a pattern.",
)
_USER = Filter(
    key="user", label="User", where=equals("user"), help="The user's full name.", control=False
)

PERMISSIONS = ListSpec(
    name="permissions",
    default_sort="user",
    tiebreak=("broker__name", "vhost", "user", "id"),
    columns=[
        _column("user", "User"),
        _column("vhost", "Virtual host"),
        _BROKER,
        _column("configure", "Configure", help=kinds.RIGHTS["configure"]),
        _column("write", "Write", help=kinds.RIGHTS["write"]),
        _column("read", "Read", help=kinds.RIGHTS["read"]),
    ],
    filters=[
        Filter(
            key="search",
            label="User, virtual host or pattern",
            where=contains("user", "vhost", "configure", "write", "read"),
            help="Part of the user's or virtual host's name or of a pattern.",
        ),
        _USER,
        Filter(
            key="everything",
            label="Everything",
            kind="flag",
            where=lambda _: Q(configure=".*", write=".*", read=".*"),
            help="Can configure, write and read everything in the virtual host.",
        ),
    ],
)

TOPIC_PERMISSIONS = ListSpec(
    name="topic-permissions",
    default_sort="user",
    tiebreak=("broker__name", "vhost", "user", "exchange", "id"),
    columns=[
        _column("user", "User"),
        _column("vhost", "Virtual host"),
        _BROKER,
        _column("exchange", "Exchange"),
        _column("write", "Write", help="Can publish with these routing keys."),
        _column("read", "Read", help="Can bind with these routing keys."),
    ],
    filters=[_PATTERN_SEARCH, _USER],
)
