"""A RabbitMQ user, as polling has stored it."""

from __future__ import annotations

from django.http import Http404

from accessctl.authorize import AnyUser, require
from accessctl.models import BrokerUser
from accessctl.rights import Permission


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
