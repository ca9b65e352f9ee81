"""What becomes of rules, windows and open messages when a broker is forgotten."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, QuerySet
from django.utils import timezone

from console.models import Broker
from vhosts.alerts.notifications.close import end_for_broker
from vhosts.alerts.tables.rules import AlertRule, MaintenanceWindow


def narrow_to_others(instance: Broker, **kwargs: Any) -> None:
    """Switch off rules, and delete windows, for this broker only. Without any chosen broker they
    would cover all of them. Its open alerts go with it, so whoever was notified is told."""
    end_for_broker(instance, timezone.now())
    rules = _only_of(AlertRule.objects.all(), instance)
    AlertRule.objects.filter(pk__in=rules).update(enabled=False)
    windows = _only_of(MaintenanceWindow.objects.all(), instance)
    MaintenanceWindow.objects.filter(pk__in=windows).delete()


def _only_of(rows: QuerySet[Any], broker: Broker) -> list[int]:
    single = rows.annotate(chosen=Count("brokers")).filter(chosen=1)
    return list(single.filter(pk__in=rows.filter(brokers=broker)).values_list("pk", flat=True))
