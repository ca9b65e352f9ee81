"""Evaluate what no poll evaluates: brokers without polls, the console itself, what time alone ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from django.db.models import Q

from console.background.each_alone import each_alone
from console.models import BrokerStatus
from vhosts.alerts.evaluate.passes import evaluate, pass_time
from vhosts.alerts.tables.choices import IncidentState
from vhosts.alerts.tables.incidents import AlertIncident
from vhosts.alerts.tables.rules import AlertEvaluation, AlertRule

#: A broker that can't be seen is evaluated this often.
_EVERY = timedelta(seconds=10)
#: The console's own rules are evaluated at most this often, by the watch job and after polls.
_CONSOLE_EVERY = timedelta(seconds=5)


def evaluate_overdue(now: datetime) -> None:
    """Evaluate each broker whose last evaluation is too old: it isn't polled, or was disabled.
    One that fails costs no other. Raises SomeFailed."""
    each_alone((f"broker {pk}", partial(evaluate, pk, now)) for pk in list(_overdue_brokers(now)))


def evaluate_console(now: datetime) -> None:
    """Evaluate the rules about the console, unless that was done a moment ago. A worker of any queue
    does it after a poll too, so that one dead worker is reported by another."""
    last = AlertEvaluation.objects.filter(broker=None).values_list("evaluated_at", flat=True)
    at = last.first()
    if at is None or not now - _CONSOLE_EVERY < at <= now + _CONSOLE_EVERY:
        evaluate(None, now)


def end_by_time(now: datetime) -> None:
    """Write reminders that are due, and end snoozes and maintenance windows that have ended. Raises
    SomeFailed."""
    waiting = Q(state=IncidentState.FIRING) | Q(snoozed_until__lte=now) | Q(muted=True)
    brokers = AlertIncident.objects.open().filter(waiting).order_by().values_list("broker")
    each_alone(
        (f"broker {pk}" if pk else "console", partial(pass_time, pk, now))
        for (pk,) in list(brokers.distinct())
    )


def _overdue_brokers(now: datetime) -> Iterator[int]:
    if not AlertRule.objects.filter(enabled=True).exists():
        # Only incidents of rules that were disabled meanwhile.
        yield from (
            AlertIncident.objects.open()
            .exclude(broker=None)
            .order_by()
            .values_list("broker_id", flat=True)
            .distinct()
        )
        return
    evaluated = dict(
        AlertEvaluation.objects.exclude(broker=None).values_list("broker_id", "evaluated_at")
    )
    with_incidents = set(
        AlertIncident.objects.open().order_by().values_list("broker_id", flat=True).distinct()
    )
    for status in BrokerStatus.objects.select_related("broker"):
        at = evaluated.get(status.pk)
        if not status.broker.enabled:
            if status.pk in with_incidents:
                yield status.pk
        elif (
            at is None
            or now - at > min(max(status.stale_after(), _EVERY), 6 * _EVERY)
            or at > now + _EVERY
        ):
            yield status.pk
