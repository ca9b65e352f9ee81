"""Which entries of the audit log a person may see."""

from __future__ import annotations

from django.db.models import QuerySet

from accessctl.authorize import AnyUser
from accessctl.reach import Place, reach_of
from accessctl.rights import Permission
from console.models import AuditEntry, Broker


def audit_seen_by(user: AnyUser) -> QuerySet[AuditEntry]:
    """Return the audit entries that the user may see.

    With audit:view on all brokers: everything, including people, grants and removed brokers. On
    some whole brokers: what was done to them. A grant on some virtual hosts shows nothing, because
    entries name objects in their text.
    """
    reach = reach_of(user)
    if reach.covers(Permission.AUDIT_VIEW, Place()):
        return AuditEntry.objects.all()
    brokers = Broker.objects.filter(reach.objects(Permission.AUDIT_VIEW, broker="", vhost=""))
    return AuditEntry.objects.filter(broker_id_then__in=brokers.values("pk"))
