"""Which rules, maintenance windows and owners concern a broker."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from accessctl import globs
from console.models import Broker
from vhosts.alerts.tables.rules import AlertOwner, AlertRule, MaintenanceWindow
from vhosts.alerts.types.declare import RuleType
from vhosts.alerts.types.registry import TYPES


class _Scoped(Protocol):
    environment: str

    @property
    def brokers(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Active:
    """An enabled rule with its type; None if this version has no such type."""

    rule: AlertRule
    type: RuleType | None


def covers_broker(scoped: _Scoped, broker: Broker) -> bool:
    """Return whether a rule or window covers the broker. One query, unless prefetched."""
    if scoped.environment and scoped.environment != broker.environment:
        return False
    chosen = {one.pk for one in scoped.brokers.all()}
    return not chosen or broker.pk in chosen


def rules_of(broker: Broker | None) -> list[Active]:
    """Return the enabled rules for a broker, or for the console itself. Two queries."""
    found = []
    rules = AlertRule.objects.filter(enabled=True).prefetch_related("brokers").order_by("pk")
    for rule in rules:
        kind = TYPES.get(rule.type)
        about_console = kind is not None and kind.of_console is not None
        if about_console if broker is None else not about_console and covers_broker(rule, broker):
            found.append(Active(rule, kind))
    return found


def windows_of(broker: Broker | None, now: datetime) -> list[MaintenanceWindow]:
    """Return the maintenance windows that are open at `now` for some part of the broker. Those for
    all brokers also cover the console."""
    rows = MaintenanceWindow.objects.filter(starts_at__lte=now, ends_at__gt=now)
    windows = list(rows.prefetch_related("brokers"))
    if broker is not None:
        return [one for one in windows if covers_broker(one, broker)]
    return [one for one in windows if not one.environment and not one.brokers.all()]


def owners_of(broker: Broker | None) -> list[AlertOwner]:
    """Return the owners with a pattern that the broker's name matches, in order. The console's are
    those of all brokers."""
    owners = AlertOwner.objects.all()
    if broker is None:
        return [one for one in owners if globs.is_everything(one.broker_pattern)]
    return [one for one in owners if globs.matches(one.broker_pattern, broker.name)]


def like(pattern: str) -> str:
    """Return a pattern with `*` as the pattern of SQL's LIKE."""
    if globs.is_everything(pattern):
        return "%"
    for special in ("\\", "%", "_"):
        pattern = pattern.replace(special, f"\\{special}")
    return pattern.replace("*", "%")


def patterns(rows: Iterable[MaintenanceWindow | AlertOwner]) -> dict[str, list[Any]]:
    """Return the rows' IDs and LIKE patterns as three arrays for SQL."""
    rows = list(rows)
    return {
        "ids": [row.pk for row in rows],
        "vhosts": [like(row.vhost_pattern) for row in rows],
        "names": [like(row.queue_pattern) for row in rows],
    }
