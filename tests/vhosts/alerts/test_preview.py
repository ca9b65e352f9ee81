"""How often a rule would have fired. Real Postgres, rollups as the job writes them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from accessctl.models import Grant
from tests.factories import add_queue
from tests.vhosts.alerts.conftest import START
from vhosts.alerts.preview import preview
from vhosts.history import partitions
from vhosts.models import AlertIncident, AlertRule, Queue, QueueRollup5m

pytestmark = pytest.mark.django_db


@pytest.fixture
def superuser_(db: None) -> User:
    return User.objects.create_superuser("root")


def bucket(queue: Queue, minutes: int, average: float, highest: int | None = None) -> None:
    most = int(average) if highest is None else highest
    QueueRollup5m.objects.create(
        queue_id=queue.pk, bucket_at=START + timedelta(minutes=minutes), known_s=300,
        ready_min=0, ready_max=most, ready_avg=average, ready_last=int(average),
        unacked_min=0, unacked_max=0, unacked_avg=0, unacked_last=0,
    )  # fmt: skip


@pytest.fixture
def queue(clock) -> Queue:
    """Above 100 for 20 minutes, for 5 minutes, and for a moment."""
    partitions.make_ahead(START, back_days=2)
    found = add_queue(clock.broker, "orders", START, ready=150, vhost="team-a")
    for minutes, average, highest in (
        (0, 10, None), (5, 150, None), (25, 60, None), (30, 140, None), (35, 20, None),
        (40, 120, None), (45, 5, None), (60, 50, 130), (65, 5, None),
    ):  # fmt: skip
        bucket(found, minutes, average, highest)
    return found


def rule(**fields: object) -> AlertRule:
    return AlertRule(**{"type": "queue_messages", "threshold": 100, **fields})


def test_past_firings_follow_threshold_duration_and_hysteresis(clock, queue, superuser_) -> None:
    now = START + timedelta(hours=2)
    clock.poll(7200)

    def fired(**fields: object) -> int | None:
        return preview(rule(**fields), [], superuser_, now, days=1).fired

    assert fired() == 4
    assert fired(for_s=300) == 3
    assert fired(for_s=600) == 1
    assert fired(for_s=600, clear_threshold=50) == 1
    assert fired(for_s=1500, clear_threshold=50) == 1
    assert fired(for_s=1500) == 0
    assert fired(queue_pattern="other*") == 0
    assert fired(message_type="unacked") == 0
    assert not AlertIncident.objects.exists()


def test_what_holds_now_is_counted_and_nothing_is_written(clock, queue, superuser_) -> None:
    clock.poll()
    found = preview(rule(), [clock.broker], superuser_, clock.now)
    assert (found.holds_now, found.subjects) == (1, 1)
    other = preview(rule(type="certificate", threshold=30), [], superuser_, clock.now)
    assert (other.holds_now, other.fired) == (0, None)
    assert "previewed only" in other.why_not
    assert other.not_evaluated[0][0] == "rabbit-1"
    assert not AlertIncident.objects.exists()


def test_a_preview_counts_only_what_the_grant_covers(clock, queue) -> None:
    person = User.objects.create_user("tenant")
    Grant.objects.create(
        user=person, role="viewer", broker=clock.broker, vhost_pattern="team-b", created_at=START
    )
    clock.poll()
    for pattern in ("*", "team-a"):
        found = preview(rule(vhost_pattern=pattern), [], person, clock.now)
        assert (found.holds_now, found.fired) == (0, 0)
