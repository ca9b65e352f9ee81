"""Partitions of the history, in real Postgres."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from vhosts.history import partitions, retention
from vhosts.history.settle import settle
from vhosts.models import KnownSpan, Queue, QueueRollup5m, QueueSnapshot, RecentSnapshot

pytestmark = pytest.mark.django_db
NOW = datetime(2031, 3, 30, 12, 0, tzinfo=UTC)  # a day of 23 hours in much of Europe


def existing() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits")
        return {row[0] for row in cursor.fetchall()}


def test_partitions_are_made_ahead_once() -> None:
    assert partitions.missing(NOW)
    made = partitions.make_ahead(NOW)
    assert "vhosts_queue_snapshot_p20310330" in made
    assert "vhosts_queue_snapshot_p20310402" in made
    assert "vhosts_queue_rollup_1h_p203103" in made
    assert "vhosts_queue_rollup_1h_p203104" in made
    assert partitions.missing(NOW) == []
    assert partitions.make_ahead(NOW) == []


def test_a_migrated_database_has_its_first_partitions() -> None:
    assert partitions.missing(datetime.now(UTC)) == []


def test_days_are_days_of_utc() -> None:
    partitions.make_ahead(NOW)
    for at, name in (
        (datetime(2031, 3, 30, 0, 0, tzinfo=UTC), "vhosts_queue_snapshot_p20310330"),
        (datetime(2031, 3, 30, 23, 59, 59, tzinfo=UTC), "vhosts_queue_snapshot_p20310330"),
        (datetime(2031, 3, 31, 0, 0, tzinfo=UTC), "vhosts_queue_snapshot_p20310331"),
    ):
        QueueSnapshot.objects.create(queue_id=1, at=at, ready=1, unacked=0)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT tableoid::regclass::text FROM vhosts_queue_snapshot WHERE at = %s", [at]
            )
            assert cursor.fetchone() == (name,)


def test_what_is_older_than_kept_is_dropped_over_a_gap(settings: Any) -> None:
    settings.KEEP_SNAPSHOTS_DAYS, settings.KEEP_ROLLUPS_5M_DAYS = 8, 62
    partitions.make_ahead(NOW - timedelta(days=30))
    partitions.make_ahead(NOW, back_days=8)
    partitions.drop_old(NOW)
    kept = existing()
    assert "vhosts_queue_snapshot_p20310322" in kept
    assert "vhosts_queue_snapshot_p20310301" not in kept
    assert "vhosts_poll_p20310301" not in kept
    assert "vhosts_queue_rollup_5m_p20310301" in kept
    assert "vhosts_queue_rollup_1h_p203102" in kept
    assert not any(name.startswith("vhosts_queue_snapshot_p203102") for name in kept)


def test_queues_gone_for_long_are_forgotten_with_their_rollups(
    settings: Any, broker_row: Any
) -> None:
    settings.KEEP_GONE_OBJECTS_DAYS = 32
    broker = broker_row()
    partitions.make_ahead(NOW)
    long_gone, lately_gone = (
        Queue.objects.create(
            broker=broker,
            vhost="/",
            name=f"q{days}",
            first_seen_at=NOW,
            gone_at=NOW - timedelta(days),
        )
        for days in (33, 31)
    )
    for queue in (long_gone, lately_gone):
        QueueRollup5m.objects.create(queue_id=queue.pk, bucket_at=NOW, known_s=300)
    retention.drop_queues(NOW)
    assert list(Queue.objects.values_list("name", flat=True)) == ["q31"]
    assert [row.queue_id for row in QueueRollup5m.objects.all()] == [lately_gone.pk]


def test_forgetting_a_broker_forgets_its_queues_spans_and_rollups(broker_row: Any) -> None:
    broker = broker_row()
    partitions.make_ahead(NOW)
    queue = Queue.objects.create(broker=broker, vhost="/", name="q", first_seen_at=NOW)
    QueueRollup5m.objects.create(queue_id=queue.pk, bucket_at=NOW, known_s=300)
    KnownSpan.objects.create(broker=broker, from_at=NOW, last_at=NOW, until_at=NOW)
    broker.delete()
    assert not Queue.objects.exists()
    assert not QueueRollup5m.objects.exists()
    assert not KnownSpan.objects.exists()


def test_settling_moves_whole_half_hours_and_loses_nothing() -> None:
    RecentSnapshot.objects.bulk_create(
        RecentSnapshot(queue_id=queue, at=NOW + timedelta(minutes=minute), ready=minute, unacked=0)
        for minute in range(-90, 20)
        for queue in (1, 2)
    )
    assert settle(NOW + timedelta(minutes=4)) == 120  # 10:30 to 11:30; the run after is too young
    assert settle(NOW + timedelta(minutes=4)) == 0
    assert settle(NOW + timedelta(minutes=5)) == 60
    assert RecentSnapshot.objects.count() == 40
    found = QueueSnapshot.objects.filter(queue_id=1).order_by("at").values_list("ready", flat=True)
    assert list(found) == list(range(-90, 0))
