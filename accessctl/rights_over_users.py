"""Who may change which RabbitMQ user.

A user belongs to a broker, not to a virtual host, but a person may be granted virtual hosts only. The
console acts with a powerful account, so these rules are all that keeps a vhost administrator from
taking over somebody else's user: by its tags, its password, or by deleting it.
"""

from __future__ import annotations

from django.db.models import Count

from accessctl.models import BrokerPermission, BrokerTopicPermission, BrokerUser
from accessctl.permissions import Permission
from accessctl.reach import AnyUser, reach_of
from console.models import Broker, Step


def why_not_edit_user(user: AnyUser, broker: Broker, name: str) -> str:
    """Why `user` may not create, change or delete the RabbitMQ user `name`: one sentence; "" where
    they may. What the user has is taken from the last inventory.

    - On the whole broker: any user without tags; one with tags takes users:tag as well, or an
      administrator's password would be theirs to set.
    - On some virtual hosts: a new user; one without tags whose every permission lies in them; one
      without any permission that this very person created here.
    Tags and limits are apart: users:tag, vhosts:limit.
    """
    reach = reach_of(user)
    if not reach.has_somewhere(Permission.USERS_EDIT, broker):
        return "You may not change users of this broker."
    whole = reach.has(Permission.USERS_EDIT, broker)
    if whole and reach.has(Permission.USERS_TAG, broker):
        return ""
    seen = BrokerUser.objects.filter(broker=broker, name=name).first()
    if isinstance(seen, BrokerUser) and seen.tags:
        return f"The user has tags ({', '.join(seen.tags)}), so it takes the right to set tags."
    if whole or seen is None:
        return ""
    mine = reach.objects(Permission.USERS_EDIT)
    inside = outside = 0
    for permissions in (BrokerPermission.objects, BrokerTopicPermission.objects):
        counted = permissions.filter(broker=broker, user=name).aggregate(
            inside=Count("pk", filter=mine), all=Count("pk")
        )
        inside += counted["inside"]
        outside += counted["all"] - counted["inside"]
    if outside:
        return "The user has permissions in virtual hosts that are not yours to administer."
    if inside or _created_by(user, broker, name):
        return ""
    return "The user has no permission in your virtual hosts, and was not created by you."


def _created_by(user: AnyUser, broker: Broker, name: str) -> bool:
    return Step.objects.filter(
        op="create",
        broker=broker,
        target__kind="user",
        target__key=[name],
        change__author=user.pk,
    ).exists()
