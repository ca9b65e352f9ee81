"""End conversations whose alerts will never be heard of again: their rule or broker goes.

Services such as PagerDuty and Opsgenie keep an incident open until a message with the same key says that
nothing fires any more.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import Max

from console.models import Broker
from vhosts.alerts.channels.model import AlertChannel
from vhosts.alerts.notifications.message import safe
from vhosts.alerts.notifications.model import AlertDelivery, AlertNotification
from vhosts.alerts.tables.incidents import AlertEvent
from vhosts.alerts.tables.rules import AlertRule


def end_for_broker(broker: Broker, now: datetime) -> int:
    """End all conversations about a broker that is being removed from the console. Return how many.
    Its own rows go, so the messages name it in their text only."""
    threads = AlertNotification.objects.filter(broker=broker).values_list("thread", flat=True)
    title = f"Resolved: {safe(broker.name)} was removed from the console"
    body = "The broker was removed from the console, so its alerts end. Nothing is known about them any more."
    return _end(set(threads.order_by().distinct()), title, body, None, now)


def end_for_rule(rule: AlertRule, now: datetime) -> int:
    """End all conversations about a rule that is being deleted. Return how many. What happened to its
    alerts and wasn't sent yet isn't sent any more: their conversations would be others."""
    AlertEvent.objects.filter(incident__rule=rule, handled_at=None).update(handled_at=now)
    threads = AlertNotification.objects.filter(thread__startswith=f"rule-{rule.pk}-broker-")
    title = f"Resolved: {safe(rule.name)} – the rule was deleted"
    body = "The alert rule was deleted, so its alerts end."
    ended = 0
    for one in threads.order_by("thread", "-id").distinct("thread").select_related("broker"):
        ended += _end({one.thread}, title, body, one.broker, now)
    return ended


def _end(threads: set[str], title: str, body: str, broker: Broker | None, now: datetime) -> int:
    """Write a last message to each conversation that isn't over, for all channels that got one of it."""
    ended = 0
    for thread in sorted(threads):
        said = AlertNotification.objects.filter(thread=thread)
        over = said.filter(ends=True).aggregate(last=Max("pk"))["last"] or 0
        heard = AlertDelivery.objects.filter(thread=thread, notification__gt=over)
        channels = AlertChannel.objects.filter(
            enabled=True, sends_resolved=True, pk__in=heard.values("channel")
        )
        wanted = list(channels.defer("url_encrypted"))
        if not wanted:
            continue
        made = AlertNotification.objects.create(
            thread=thread, broker=broker, type="success", title=title, body=body, ends=True, created_at=now
        )  # fmt: skip
        AlertDelivery.objects.bulk_create([
            AlertDelivery(
                notification=made, channel=one, channel_name=one.name, thread=thread, first_due_at=now, due_at=now,
            )
            for one in wanted
        ])  # fmt: skip
        ended += 1
    return ended
