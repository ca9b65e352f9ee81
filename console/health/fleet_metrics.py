"""The fleet's metrics for Prometheus, from Postgres. An unknown figure has no sample, never a zero."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from django.conf import settings
from django.db import connection
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from console.models import BrokerStatus
from console.models.broker_states import SHOWN_STATES


class FleetCollector(Collector):
    """The fleet's metrics from Postgres. Reads no broker and keeps no state, so any number of web
    processes give the same answer."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily(
            "warren_build", "The running version.", {"version": settings.VERSION}
        )
        yield from self._brokers()

    def _brokers(self) -> Iterator[Metric]:
        statuses = list(BrokerStatus.objects.select_related("broker").order_by("broker__name"))
        took = _last_polls()
        states = GaugeMetricFamily(
            "warren_broker_state",
            "1 for the broker's current state.",
            labels=["broker", "environment", "state"],
        )
        for status in statuses:
            shown = status.shown_state(self._now)
            for state in SHOWN_STATES:
                labels = [status.broker.name, status.broker.environment, state]
                states.add_metric(labels, float(shown == state))
        yield states
        for name, help_text, read in self._figures(took):
            family = GaugeMetricFamily(name, help_text, labels=["broker"])
            for status in statuses:
                value = read(status)
                if value is not None:  # an unknown figure has no sample, never a zero
                    family.add_metric([status.broker.name], float(value))
            yield family

    def _figures(
        self, took: dict[int, int]
    ) -> list[tuple[str, str, Callable[[BrokerStatus], float | None]]]:
        return [
            (
                "warren_broker_answer_age_seconds",
                "Seconds since the broker last answered.",
                lambda status: self._age(status.answered_at),
            ),
            (
                "warren_broker_depths_age_seconds",
                "Seconds since the depths of its queues were last read.",
                lambda status: self._age(status.depths_at),
            ),
            (
                "warren_broker_poll_seconds",
                "How long the last poll took.",
                lambda status: took[status.pk] / 1000 if status.pk in took else None,
            ),
            ("warren_broker_failures", "Consecutive failed polls.", lambda status: status.failures),
            ("warren_broker_queues", "Number of queues.", lambda status: status.queues),
            (
                "warren_broker_queues_without_depth",
                "Queues with unknown depth, left out of the message sums.",
                lambda status: status.queues_without_depth,
            ),
            (
                "warren_broker_messages_ready",
                "Ready messages in all its queues.",
                lambda status: status.messages_ready,
            ),
            (
                "warren_broker_messages_unacked",
                "Unacknowledged messages in all its queues.",
                lambda status: status.messages_unacked,
            ),
            (
                "warren_broker_nodes",
                "Nodes that belong to the cluster.",
                lambda status: len(status.nodes) or None,
            ),
            (
                "warren_broker_nodes_running",
                "Nodes that run.",
                lambda status: status.running_nodes(),
            ),
            ("warren_broker_connections", "Connections.", lambda status: status.connections),
            (
                "warren_broker_alarms",
                "Number of alarms in effect.",
                lambda status: None if status.alarms is None else len(status.alarms),
            ),
        ]

    def _age(self, at: datetime | None) -> float | None:
        return None if at is None else max((self._now - at).total_seconds(), 0)


def _last_polls() -> dict[int, int]:
    """Return how long each broker's last poll took: milliseconds by broker ID."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.broker_id, p.took_ms FROM console_brokerstatus s CROSS JOIN LATERAL ("
            " SELECT took_ms FROM vhosts_poll p WHERE p.broker_id = s.broker_id"
            " ORDER BY slot_at DESC LIMIT 1) p"
        )
        return dict(cursor.fetchall())
