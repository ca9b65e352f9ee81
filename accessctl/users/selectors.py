"""Get a RabbitMQ user as polling stored it."""

from __future__ import annotations

from django.http import Http404

from accessctl.authorize import AnyUser, require
from accessctl.models import BrokerUser
from accessctl.rights import Permission


def access_broker_user(user: AnyUser, user_id: int, permission: Permission) -> BrokerUser:
    """Return the RabbitMQ user with its broker and the broker's status loaded. Raises Http404
    outside the person's scope, NotAllowed inside it without the right."""
    found = (
        BrokerUser.objects.visible_to(user)
        .select_related("broker__status")
        .filter(pk=user_id)
        .first()
    )
    if not isinstance(found, BrokerUser):
        raise Http404("User not found.")
    if permission != Permission.USERS_VIEW:  # the queryset has checked it
        require(user, permission, found.broker)
    return found
