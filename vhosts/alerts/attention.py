"""What Fleet shows of alerts under *Needs attention*: one line for each broker with alerts that fire and
that nobody has taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from urllib.parse import urlencode

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Min, Q
from django.urls import reverse

from accessctl.authorize import AnyUser
from console.faces.attention import Act, AttentionItem, Harm
from console.faces.pages.words import counted, listed
from console.models import Broker
from console.rabbitmq.text import printable
from vhosts.alerts.tables.choices import IncidentState, Severity
from vhosts.models import AlertIncident

#: Most rules that one line names.
_NAMED = 3


def firing_alerts(
    user: AnyUser, brokers: Sequence[Broker], now: datetime
) -> Iterator[AttentionItem]:
    """Yield the brokers with firing alerts of a severity above info, as far as the user may see
    these. One query."""
    by_id = {one.pk: one for one in brokers}
    rows = (
        AlertIncident.objects.visible_to(user)
        .open()
        .filter(broker__in=by_id, state=IncidentState.FIRING)
        .exclude(severity=Severity.INFO)
        .order_by()
        .values("broker")
        .annotate(
            number=Count("pk"),
            critical=Count("pk", filter=Q(severity=Severity.CRITICAL)),
            first=Min("fired_at"),
            rules=ArrayAgg("rule_name", distinct=True, default=[]),
        )
    )
    for row in rows:
        broker = by_id[row["broker"]]
        url = f"{reverse('alerts')}?{urlencode({'broker': broker.pk, 'state': 'firing'})}"
        names = [printable(name, 60) for name in row["rules"][:_NAMED]]
        more = len(row["rules"]) - len(names)
        yield AttentionItem(
            Harm.STOPPED if row["critical"] else Harm.WILL_BREAK,
            broker.name,
            url,
            f"has {counted(row['number'], 'alert')} that nobody has acknowledged.",
            cause=f"{listed([*names, f'{more} more'] if more > 0 else names)}.",
            since=row["first"],
            act=Act("Open alerts", url),
            broker=broker,
        )
