"""Which messages a user may read."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from accessctl.authorize import AnyUser, may_over
from accessctl.reach import Place
from accessctl.rights import Permission
from vhosts.models import AlertIncident, AlertNotification


def visible_messages(user: AnyUser) -> QuerySet[AlertNotification]:
    """Return the messages all of whose alerts the user may see: a message names them.

    Of a message whose broker was removed nobody knows any more whose alerts it names, so it needs a
    grant on all brokers.
    """
    if may_over(user, Permission.ALERTS_VIEW, Place()):
        return AlertNotification.objects.all()
    through: Any = AlertNotification.incidents.through
    named = through.objects.filter(alertnotification_id=OuterRef("pk"))
    hidden = named.exclude(alertincident_id__in=AlertIncident.objects.visible_to(user).values("pk"))
    return AlertNotification.objects.filter(Exists(named), ~Exists(hidden))
