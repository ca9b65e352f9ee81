"""From events to messages: one message per rule and broker for what happened within a short time, to each
channel that wants it.

Events are marked as handled in the transaction that writes the messages, under a lock, so each event goes
into exactly one message, however many workers run this and whenever one dies.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Max, Q, QuerySet

from console.models import Broker
from vhosts.alerts.channels.model import AlertChannel
from vhosts.alerts.notifications.message import ABOUT_SIGHT, Digest, body_of, title_of
from vhosts.alerts.notifications.model import AlertDelivery, AlertNotification
from vhosts.alerts.tables.choices import EventKind, IncidentState, Severity
from vhosts.alerts.tables.incidents import AlertEvent, AlertIncident

#: How long more events are waited for before the first message about a rule and broker.
WAIT = timedelta(seconds=10)
#: The least time between two messages about the same rule and broker.
BETWEEN = timedelta(minutes=2)
#: The most events of one run.
_MOST = 20_000
#: Acts of people notify nobody: who acts knows, and the page shows it.
NOTIFIES = frozenset({
    EventKind.FIRED, EventKind.REMINDED, EventKind.SNOOZE_ENDED, EventKind.WINDOW_ENDED, EventKind.NO_DATA,
    EventKind.DATA_BACK, EventKind.RESOLVED,
})  # fmt: skip
_RANK = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}
_FIRES = (
    IncidentState.FIRING,
    IncidentState.ACKNOWLEDGED,
    IncidentState.SNOOZED,
    IncidentState.NO_DATA,
)


def route_events(now: datetime) -> int:
    """Write the messages that are due. Return how many. Runs in a worker each few seconds."""
    with transaction.atomic():
        if not _only_one():
            return 0
        unhandled = AlertEvent.objects.filter(handled_at=None).order_by("id")
        # Muted events, and acts of people, are done with at once.
        quiet = unhandled.exclude(kind__in=NOTIFIES) | unhandled.filter(muted=True)
        AlertEvent.objects.filter(pk__in=list(quiet.values_list("pk", flat=True)[:_MOST])).update(
            handled_at=now
        )
        events = list(
            unhandled.filter(kind__in=NOTIFIES, muted=False).select_related(
                "incident__rule", "incident__broker", "incident__owner"
            )[:_MOST]
        )
        threads: dict[str, list[AlertEvent]] = defaultdict(list)
        for event in events:
            threads[thread_of(event)].append(event)
        last = dict(
            AlertNotification.objects.filter(thread__in=threads, created_at__gt=now - BETWEEN)
            .values_list("thread")
            .annotate(Max("created_at"))
        )
        due = [
            (thread, group)
            for thread, group in threads.items()
            if thread not in last and group[0].at <= now - WAIT
        ]
        channels = _channels() if due else []
        for thread, group in due:
            _write(thread, group, channels, now)
        resolved = [e for _, group in due for e in group if e.kind == EventKind.RESOLVED]
        return len(due) + _end_unseen((event.incident for event in resolved), now)


def _only_one() -> bool:
    """Take the lock of this transaction; False if another worker has it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(hashtext('vhosts.alerts.notifications.route'))"
        )
        return bool(cursor.fetchone()[0])


def thread_of(event: AlertEvent) -> str:
    """Return the conversation of an event. What can't be seen is one conversation per broker, whatever
    the rules: it has one cause."""
    incident = event.incident
    if event.kind in ABOUT_SIGHT:
        return _unseen_on(incident)
    broker = incident.broker_id or "console"
    return f"rule-{incident.rule_id or incident.rule_name[:60]}-broker-{broker}"


def _unseen_on(incident: AlertIncident) -> str:
    return f"no-data-broker-{incident.broker_id or 'console'}"


def _end_unseen(resolved: Iterable[AlertIncident], now: datetime) -> int:
    """End conversations about what can't be seen, on the channels that got the last message. What
    resolves as soon as data is back has no event that says so. Return how many were ended."""
    ended = 0
    for thread, one in {_unseen_on(one): one for one in resolved}.items():
        last = AlertNotification.objects.filter(thread=thread).order_by("-id").first()
        if last is None or last.ends or _firing(thread, one).exists():
            continue
        channels = AlertChannel.objects.filter(
            enabled=True,
            sends_resolved=True,
            pk__in=AlertDelivery.objects.filter(notification=last).values("channel"),
        )
        digest = Digest("", one.severity, one.broker.name if one.broker else "", firing=0)
        seen = last.incidents.values_list("pk", flat=True)
        _store(thread, digest, set(seen), channels, last.broker, now)
        ended += 1
    return ended


def _write(
    thread: str, events: Sequence[AlertEvent], channels: Sequence[AlertChannel], now: datetime
) -> None:
    first = events[0].incident
    digest = Digest(
        rule=first.rule_name,
        severity=max(
            (event.incident.severity for event in events), key=lambda one: _RANK[Severity(one)]
        ),
        broker=first.broker.name if first.broker else "",
        firing=_firing(thread, first).count(),
        events=events,
    )
    wanted = [one for one in channels if _wants(one, events, digest)]
    incidents = {event.incident_id for event in events}
    _store(thread, digest, incidents, wanted, first.broker, now)
    AlertEvent.objects.filter(pk__in=[event.pk for event in events]).update(handled_at=now)


def _store(
    thread: str,
    digest: Digest,
    incidents: set[int],
    channels: Iterable[AlertChannel],
    broker: Broker | None,
    now: datetime,
) -> None:
    wanted = list(channels)
    notification = AlertNotification.objects.create(
        thread=thread,
        broker=broker,
        type=digest.type,
        title=title_of(digest),
        body=body_of(digest),
        ends=digest.ends,
        created_at=now,
        why_unsent="" if wanted else "No enabled channel gets messages of this rule and severity.",
    )
    notification.incidents.set(incidents)
    AlertDelivery.objects.bulk_create([
        AlertDelivery(
            notification=notification, channel=one, channel_name=one.name, thread=thread, first_due_at=now, due_at=now,
        )
        for one in wanted
    ])  # fmt: skip


def _firing(thread: str, incident: AlertIncident) -> QuerySet[AlertIncident]:
    """Return the incidents of the conversation that aren't over."""
    open_ = AlertIncident.objects.filter(resolved_at=None, broker=incident.broker_id)
    if thread.startswith("no-data-"):
        return open_.filter(state=IncidentState.NO_DATA)
    # Incidents that ended under the rule's old name are of the same conversation.
    same = (
        Q(rule=incident.rule_id) if incident.rule_id else Q(rule=None, rule_name=incident.rule_name)
    )
    return open_.filter(same, state__in=_FIRES)


def _channels() -> list[AlertChannel]:
    return list(AlertChannel.objects.filter(enabled=True).prefetch_related("rules", "owners"))


def _wants(channel: AlertChannel, events: Iterable[AlertEvent], digest: Digest) -> bool:
    """Return whether the channel gets a message: by severity, and by rule or owner."""
    if _RANK[Severity(digest.severity)] < _RANK[Severity(channel.least_severity)]:
        return False
    if not channel.sends_resolved and all(event.kind == EventKind.RESOLVED for event in events):
        return False
    if channel.everything:
        return True
    rules = {rule.pk for rule in channel.rules.all()}
    owners = {owner.pk for owner in channel.owners.all()}
    return any(
        event.incident.rule_id in rules or event.incident.owner_id in owners for event in events
    )
