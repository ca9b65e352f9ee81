"""Columns, filters and orders of the lists of permissions and topic permissions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from accessctl import words as kinds
from accessctl.authorize import AnyUser, may
from accessctl.models import BrokerPermission, BrokerTopicPermission, BrokerUser
from accessctl.rights import Permission
from console.faces.drawing import ListPage
from console.faces.lists import Column, Filter, ListSpec, contains, equals
from console.faces.objects import cells


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
        cells.broker_column(),
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
        cells.broker_column(),
        _column("exchange", "Exchange"),
        _column("write", "Write", help="Can publish with these routing keys."),
        _column("read", "Read", help="Can bind with these routing keys."),
    ],
    filters=[_PATTERN_SEARCH, _USER],
)


@dataclass(frozen=True, slots=True)
class PermissionRow:
    """A permission with the pattern of each right and its explanation. `user_id` None: the user
    wasn't observed."""

    permission: BrokerPermission | BrokerTopicPermission
    patterns: dict[str, tuple[str, kinds.PatternWords]]
    user_id: int | None = None


def permission_rows(rows: Iterable[Any]) -> list[PermissionRow]:
    """Return the rows of one page. One query for the ids of their users."""
    found = list(rows)
    users = BrokerUser.objects.filter(
        broker__in={row.broker_id for row in found}, name__in={row.user for row in found}
    )
    ids = {(b, name): pk for b, name, pk in users.values_list("broker_id", "name", "pk")}
    return [
        PermissionRow(
            permission=row,
            patterns={
                right: (getattr(row, right), kinds.in_words(getattr(row, right)))
                for right in kinds.RIGHTS
                if hasattr(row, right)
            },
            user_id=ids.get((row.broker_id, row.user)),
        )
        for row in found
    ]


def page_of(kind: str) -> ListPage:
    """Return the list page of a kind, with tabs for permissions, topic permissions and the
    matrix."""

    def context(rows: Sequence[Any], viewer: AnyUser) -> Mapping[str, Any]:
        return {
            "kind": kind,
            "permission_rows": permission_rows(rows),
            "may_edit": may(viewer, Permission.PERMISSIONS_EDIT),
        }

    return ListPage(
        rows="accessctl/_permission_rows.html",
        acts="accessctl/_permission_tabs.html",
        context=context,
    )
