"""What is seen of users and permissions, as the specs that are compared and asked for."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q

from accessctl.models import BrokerPermission, BrokerTopicPermission, BrokerUser
from console.kinds.common.kind import Key, Spec
from console.models import Broker


def seen_users(broker: Broker, names: Iterable[str] | None = None) -> dict[Key, Spec]:
    """By (name,); all of the broker's where `names` is None. Without password hashes."""
    rows = BrokerUser.objects.filter(broker=broker)
    if names is not None:
        rows = rows.filter(name__in=list(names))
    return {
        (row.name,): {"tags": list(row.tags), "limits": dict(row.limits)} for row in rows.iterator()
    }


def seen_permissions(
    broker: Broker, *, users: Iterable[str] | None = None, vhosts: Iterable[str] | None = None
) -> dict[Key, Spec]:
    """By (vhost, user); of the named users and vhosts only."""
    rows = BrokerPermission.objects.filter(_within(users, vhosts), broker=broker)
    return {
        (row.vhost, row.user): {"configure": row.configure, "write": row.write, "read": row.read}
        for row in rows.iterator()
    }


def seen_topic_permissions(
    broker: Broker, *, users: Iterable[str] | None = None, vhosts: Iterable[str] | None = None
) -> dict[Key, Spec]:
    """By (vhost, user, exchange); of the named users and vhosts only."""
    rows = BrokerTopicPermission.objects.filter(_within(users, vhosts), broker=broker)
    return {
        (row.vhost, row.user, row.exchange): {"write": row.write, "read": row.read}
        for row in rows.iterator()
    }


def _within(users: Iterable[str] | None, vhosts: Iterable[str] | None) -> Q:
    within = Q()
    if users is not None:
        within &= Q(user__in=list(users))
    if vhosts is not None:
        within &= Q(vhost__in=list(vhosts))
    return within
