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
from vhosts.models import (
    AlertIncident,
    AlertRule,
    Node,
    NodeSample,
    Queue,
    QueueRollup5m,
    RateRollup5m,
)

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
        past = preview(rule(**fields), [], superuser_, now, days=1).past
        return past.fired if past else None

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
    assert found.past is not None
    assert (found.holds_now, found.past.subjects, found.past.days) == (1, 1, 7)
    other = preview(rule(type="certificate", threshold=30), [], superuser_, clock.now)
    assert (other.holds_now, other.past) == (0, None)
    assert "isn't stored" in other.why_not
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
        assert found.past is not None
        assert (found.holds_now, found.past.fired) == (0, 0)


def past_of(clock, superuser_, **fields: object) -> tuple[int, int, str]:
    found = preview(rule(**fields), [], superuser_, clock.now).past
    assert found is not None
    return found.fired, found.subjects, found.noun


def test_past_redeliveries_are_counted_by_the_rates_that_are_kept(clock, superuser_) -> None:
    partitions.make_ahead(START, back_days=2)
    queue = add_queue(clock.broker, "poison", START, vhost="/")
    for minutes, deliver, redeliver in (
        (0, 10, 0),
        (5, 10, 5),
        (10, 10, 6),
        (15, 10, 0),
        (20, 1, 0.5),
    ):
        kinds = {
            "publish": 1.0,
            "deliver": float(deliver),
            "ack": 1.0,
            "redeliver": float(redeliver),
            "get": 0.0,
        }
        RateRollup5m.objects.create(
            queue_id=queue.pk, bucket_at=START + timedelta(minutes=minutes), known_s=300,
            **{f"{kind}_{what}": value for kind, value in kinds.items() for what in ("avg", "max", "last")},
        )  # fmt: skip
    clock.poll(3600)
    wanted = {"type": "queue_redelivery", "threshold": 20}
    # The last one is below the least rate, 1/s.
    assert past_of(clock, superuser_, **wanted) == (1, 1, "queue")
    assert past_of(clock, superuser_, **wanted, parameters={"least_rate": 0.1}) == (2, 1, "queue")
    assert past_of(clock, superuser_, **wanted, for_s=600) == (1, 1, "queue")
    assert past_of(clock, superuser_, **wanted, for_s=900) == (0, 0, "queue")
    assert past_of(clock, superuser_, **wanted, queue_pattern="other*") == (0, 0, "queue")


def test_past_firings_of_nodes_are_counted_by_their_samples(clock, superuser_) -> None:
    partitions.make_ahead(START, back_days=2)
    node = Node.objects.create(
        broker=clock.broker, name="rabbit@a", running=True, running_since=START, seen_at=START,
        first_seen_at=START, fd_total=100,
    )  # fmt: skip
    for minutes, used, free, files in (
        (0, 50, 500, 10), (1, 95, 140, 95), (2, 92, 160, 95), (3, None, None, None), (4, 95, 90, 96),
        (5, 40, 500, 10), (6, 91, 500, 10), (7, 40, 500, 10),
    ):  # fmt: skip
        known = {} if used is None else {
            "mem_used": used, "mem_limit": 100, "disk_free": free, "disk_free_limit": 100, "fd_used": files,
        }  # fmt: skip
        NodeSample.objects.create(node_id=node.pk, at=START + timedelta(minutes=minutes), **known)
    clock.poll(3600)
    memory = {"type": "memory_used", "threshold": 90}
    # While it was down, nothing is known: what fired before wasn't resolved by that.
    assert past_of(clock, superuser_, **memory) == (2, 1, "node")
    assert past_of(clock, superuser_, **memory, for_s=120) == (1, 1, "node")
    assert past_of(clock, superuser_, **{**memory, "threshold": 94, "clear_threshold": 91}) == (
        1,
        1,
        "node",
    )
    assert past_of(clock, superuser_, type="disk_free", threshold=1.5) == (2, 1, "node")
    assert past_of(clock, superuser_, type="file_descriptors", threshold=90) == (1, 1, "node")
    assert past_of(clock, superuser_, type="node_down", threshold=None) == (1, 1, "node")
    assert past_of(clock, superuser_, type="node_down", threshold=None, for_s=120) == (0, 0, "node")
