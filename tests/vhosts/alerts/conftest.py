"""Rules and brokers for tests of alerts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.models import Broker, BrokerStatus
from tests.factories import add_broker
from vhosts.alerts.evaluate.passes import evaluate
from vhosts.models import AlertIncident, AlertRule

START = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


class Clock:
    """A broker whose polls are evaluated at times of the test's own."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.now = START

    def poll(self, after_s: float = 10, **status: Any) -> None:
        """Pass time, let the broker be seen then, and evaluate."""
        self.now += timedelta(seconds=after_s)
        fresh = dict.fromkeys(("answered_at", "depths_at", "vitals_at", "consumers_at"), self.now)
        BrokerStatus.objects.filter(pk=self.broker.pk).update(**{**fresh, **status})
        assert evaluate(self.broker.pk, self.now)

    def fail(self, after_s: float = 60) -> None:
        """Pass time without an answer, and evaluate."""
        self.now += timedelta(seconds=after_s)
        BrokerStatus.objects.filter(pk=self.broker.pk).update(
            state="unreachable", failures=3, error_detail="Connection refused."
        )
        assert evaluate(self.broker.pk, self.now)

    def back(self) -> None:
        self.poll(state="reachable", failures=0, error_detail="")


@pytest.fixture
def clock(db: None) -> Clock:
    return Clock(add_broker("rabbit-1", START))


@pytest.fixture
def rule(db: None) -> Callable[..., AlertRule]:
    def make(kind: str = "queue_messages", **fields: Any) -> AlertRule:
        fields = {"name": f"rule {AlertRule.objects.count()}", "enabled": True, **fields}
        return AlertRule.objects.create(type=kind, **fields)

    return make


def states() -> list[tuple[str, str]]:
    """(name of the subject, state) of all incidents, oldest first."""
    return list(AlertIncident.objects.order_by("pk").values_list("name", "state"))


def events(incident: AlertIncident) -> list[str]:
    return list(incident.events.order_by("number").values_list("kind", flat=True))
