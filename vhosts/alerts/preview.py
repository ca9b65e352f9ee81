"""How often a rule would have fired: over stored history, and right now."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import OperationalError, connection, transaction

from accessctl.authorize import AnyUser
from accessctl.reach import reach_of
from accessctl.rights import Permission
from console.models import Broker, BrokerStatus
from vhosts.alerts.evaluate.collect import collect
from vhosts.alerts.evaluate.scope import Active
from vhosts.alerts.past import Past, history_of, limit_time, past_firings
from vhosts.alerts.tables.rules import AlertRule
from vhosts.alerts.types.declare import Seen
from vhosts.alerts.types.registry import TYPES

_MOST_BROKERS = 50


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule would do. `holds_now`: for how many subjects its condition holds now.
    `past`: how often it would have fired; None with `why_not` if that can't be told.
    `not_evaluated`: (broker's name, why) where it can't be evaluated now."""

    holds_now: int | None
    not_evaluated: Sequence[tuple[str, str]]
    past: Past | None = None
    why_not: str = ""


def preview(
    rule: AlertRule, brokers: Sequence[Broker], user: AnyUser, now: datetime, days: int = 7
) -> Preview:
    """Preview an unsaved or stored rule; nothing is written. Only brokers and virtual hosts that the
    user's grants cover count. `brokers`: those of the rule, none for all of its environment."""
    kind = TYPES.get(rule.type)
    if kind is None or kind.of_console is not None:
        return Preview(None, (), why_not="Rules about the console have no preview.")
    reach = reach_of(user)
    rows = Broker.objects.filter(reach.brokers(Permission.ALERTS_VIEW))
    if rule.environment:
        rows = rows.filter(environment=rule.environment)
    if brokers:
        rows = rows.filter(pk__in=[one.pk for one in brokers])
    covered = [
        one
        for one in rows.filter(enabled=True).order_by("name")[: _MOST_BROKERS + 1]
        if reach.covers_each(Permission.ALERTS_VIEW, one, [rule.vhost_pattern])
    ]
    if len(covered) > _MOST_BROKERS:
        return Preview(None, (), why_not=f"A preview covers at most {_MOST_BROKERS} brokers.")
    try:
        holds, not_evaluated = _now(rule, covered, now)
        history = history_of(rule)
        if history is None:
            return Preview(
                holds, not_evaluated,
                why_not="The past of this type of rule isn't stored, so its firings can't be counted.",
            )  # fmt: skip
        past = past_firings(rule, history, covered, now, days)
    except OperationalError:
        return Preview(
            None, (), why_not="Too many queues match. Select fewer brokers or a pattern."
        )
    return Preview(holds, not_evaluated, past)


def _now(
    rule: AlertRule, brokers: Sequence[Broker], now: datetime
) -> tuple[int, list[tuple[str, str]]]:
    """Evaluate the rule as a poll does, and keep nothing of it."""
    stored = copy.copy(rule)
    # No stored rule has this ID, so no incident is its own.
    stored.pk = rule.pk or 0
    active = Active(stored, TYPES[rule.type])
    holds, not_evaluated = 0, []
    for broker in brokers:
        status = BrokerStatus.objects.select_related("broker").filter(pk=broker.pk).first()
        if status is None:
            continue
        with transaction.atomic(), connection.cursor() as cursor:
            limit_time(cursor)
            seen = Seen(status.broker, status, now)
            result = collect(cursor, seen, [active], now)
            holds += sum(result.found.values())
            not_evaluated += [(broker.name, why) for why in result.not_evaluated.values()]
            # Types that keep a baseline write it.
            transaction.set_rollback(True)
    return holds, not_evaluated
