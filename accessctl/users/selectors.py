"""Questions about RabbitMQ's users and permissions, over what polling has stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404

from accessctl import words as kinds
from accessctl.authorize import AnyUser, require
from accessctl.models import BrokerPermission, BrokerTopicPermission, BrokerUser
from accessctl.rights import Permission
from accessctl.users.lists import vhost_names
from console.scope import Scope


@dataclass(frozen=True, slots=True)
class PermissionRow:
    """A permission with, for each right, the pattern and what it says. `user_id` None: no such
    user was seen."""

    permission: BrokerPermission | BrokerTopicPermission
    patterns: dict[str, tuple[str, kinds.PatternWords]]
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user as a list shows it. `vhosts`: where it has a permission, in order. `unknown`: why there may be
    others; "" where there are not."""

    user: BrokerUser
    vhosts: list[str]
    unknown: str


def users_in_scope(scope: Scope, user: AnyUser) -> QuerySet[Any]:
    """RabbitMQ users with their broker and its status. In the scope of a vhost those with a
    permission there that the person may see."""
    users = BrokerUser.objects.visible_to(user).filter(broker__in=scope.brokers(user))
    if scope.vhost is not None:
        there = BrokerPermission.objects.visible_to(user).filter(
            broker=OuterRef("broker"), user=OuterRef("name"), vhost=scope.vhost
        )
        users = users.filter(Exists(there))
    return users.select_related("broker__status")


def user_rows(users: Iterable[BrokerUser], viewer: AnyUser) -> list[UserRow]:
    """The rows of one page, with the virtual hosts that the viewer may see; one query for all their
    permissions."""
    found = list(users)
    vhosts: dict[tuple[int, str], list[str]] = defaultdict(list)
    if found:
        permissions = BrokerPermission.objects.visible_to(viewer).filter(
            broker__in={user.broker_id for user in found}, user__in={user.name for user in found}
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
        for user in found
    ]


def with_vhosts(users: QuerySet[Any], viewer: AnyUser) -> QuerySet[Any]:
    """For an export, which reads row by row: `vhost_names` on each, of those the viewer may see."""
    seen = vhost_names(BrokerPermission.objects.visible_to(viewer))
    found: QuerySet[Any] = users.annotate(vhost_names=seen)
    return found


def permissions_in_scope(scope: Scope, user: AnyUser) -> QuerySet[Any]:
    return _in_scope(BrokerPermission.objects.visible_to(user), scope, user)


def topic_permissions_in_scope(scope: Scope, user: AnyUser) -> QuerySet[Any]:
    return _in_scope(BrokerTopicPermission.objects.visible_to(user), scope, user)


def _in_scope(rows: QuerySet[Any], scope: Scope, user: AnyUser) -> QuerySet[Any]:
    rows = rows.filter(broker__in=scope.brokers(user)).select_related("broker__status")
    return rows if scope.vhost is None else rows.filter(vhost=scope.vhost)


def permission_rows(rows: Iterable[Any]) -> list[PermissionRow]:
    """The rows of one page; one query for the ids of their users."""
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


def access_broker_user(user: AnyUser, user_id: int, permission: Permission) -> BrokerUser:
    """The RabbitMQ user, ready for use, with its broker and that broker's status. Http404 outside
    the console user's scope, NotAllowed inside it without the right."""
    found = (
        BrokerUser.objects.visible_to(user)
        .select_related("broker__status")
        .filter(pk=user_id)
        .first()
    )
    if not isinstance(found, BrokerUser):
        raise Http404("User not found.")
    if permission != Permission.USERS_VIEW:  # which the queryset has asked for
        require(user, permission, found.broker)
    return found
