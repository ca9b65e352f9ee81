"""Which rows of the audit trail a person may see."""

from __future__ import annotations

from django.db.models import QuerySet

from accessctl.authorize import AnyUser
from accessctl.reach import Place, reach_of
from accessctl.rights import Permission
from console.models import AuditEntry, Broker


def audit_seen_by(user: AnyUser) -> QuerySet[AuditEntry]:
    """With audit:view over all brokers: everything, people and grants and forgotten brokers too. Over some
    whole brokers: what was done to them. Rows tell of objects in words, so a grant on some virtual hosts
    shows none."""
    reach = reach_of(user)
    if reach.covers(Permission.AUDIT_VIEW, Place()):
        return AuditEntry.objects.all()
    brokers = Broker.objects.filter(reach.objects(Permission.AUDIT_VIEW, broker="", vhost=""))
    return AuditEntry.objects.filter(broker_id_then__in=brokers.values("pk"))
