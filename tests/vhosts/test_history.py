"""Depths read back over time. Real Postgres, rows as polls write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.errors import InvalidField
from vhosts.history import partitions, rollups
from vhosts.history.read import series, sparklines
from vhosts.history.read_broker import broker_series
from vhosts.models import BrokerSample, KnownSpan, Queue, QueueRollup5m, QueueSnapshot, RollupMark

pytestmark = pytest.mark.django_db
#: A whole hour some hours ago, so that rollups of it are closed.
T0 = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)


@pytest.fixture(autouse=True)
def _partitions() -> None:
    partitions.make_ahead(T0, back_days=3)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


@pytest.fixture
def make_queue(broker_row) -> Any:
    """make_queue(changes, spans) with seconds after T0."""

    def make(
        changes: list[tuple[int, int | None, int | None]], spans: list[tuple[int, int]]
    ) -> Queue:
        broker = broker_row()
        last = changes[-1] if changes else (0, None, None)
        queue = Queue.objects.create(
            broker=broker,
            vhost="/",
            name="q",
            first_seen_at=T0,
            ready=last[1],
            unacked=last[2],
            depth_changed_at=at(last[0]),
        )
        QueueSnapshot.objects.bulk_create(
            QueueSnapshot(queue_id=queue.pk, at=at(when), ready=ready, unacked=unacked)
            for when, ready, unacked in changes
        )
        KnownSpan.objects.bulk_create(
            KnownSpan(broker=broker, from_at=at(start), last_at=at(end - 10), until_at=at(end))
            for start, end in spans
        )
        return queue

    return make


def ready(points: Any) -> list[int | None]:
    return [point.ready for point in points]


def test_a_value_holds_until_the_next_and_only_where_the_broker_was_seen(make_queue) -> None:
    queue = make_queue([(0, 5, 0), (30, 8, 1)], [(0, 50), (80, 100)])
    found = series(queue, start=at(0), end=at(100), step_s=10, now=at(1000))
    assert (found.step_s, found.source) == (10, "raw")
    assert ready(found.points) == [5, 5, 5, 8, 8, None, None, None, 8, 8]
    assert [point.at for point in found.points] == [at(10 * number) for number in range(10)]


def test_an_unknown_depth_is_a_gap_and_never_zero(make_queue) -> None:
    queue = make_queue([(0, 5, 0), (20, None, None), (40, 0, 0)], [(0, 60)])
    found = series(queue, start=at(0), end=at(60), step_s=10, now=at(1000))
    assert ready(found.points) == [5, 5, None, None, 0, 0]


def test_a_step_shows_the_mean_by_time_and_the_extremes(make_queue) -> None:
    queue = make_queue([(0, 0, 0), (50, 60, 6)], [(0, 60)])
    [point] = series(queue, start=at(0), end=at(60), step_s=60, now=at(1000)).points
    assert (point.ready, point.ready_min, point.ready_max) == (10, 0, 60)
    assert (point.unacked, point.unacked_min, point.unacked_max) == (1, 0, 6)


def test_what_was_in_force_before_the_range_is_carried_into_it(make_queue) -> None:
    queue = make_queue([(0, 7, 0), (5000, 9, 0)], [(0, 6000)])
    found = series(queue, start=at(3000), end=at(3030), step_s=10, now=at(6000))
    assert ready(found.points) == [7, 7, 7]


def test_a_queue_without_changes_since_before_anything_kept_shows_its_present_depth(
    make_queue,
) -> None:
    queue = make_queue([(0, 7, 0)], [(0, 6000)])
    QueueSnapshot.objects.all().delete()  # as when their partition was dropped
    found = series(queue, start=at(3000), end=at(3020), step_s=10, now=at(6000))
    assert ready(found.points) == [7, 7]


def test_nothing_is_shown_of_the_future(make_queue) -> None:
    queue = make_queue([(0, 7, 0)], [(0, 100)])
    found = series(queue, start=at(0), end=at(86400), step_s=10, now=at(50))
    assert len(found.points) == 5


def test_a_range_gives_about_a_thousand_points_at_most(make_queue) -> None:
    queue = make_queue([(0, 7, 0)], [(0, 100)])
    for hours in (1, 6, 24, 24 * 7, 24 * 60, 24 * 700):
        found = series(queue, start=at(0) - timedelta(hours=hours), end=at(0), now=at(9000))
        assert 20 <= len(found.points) <= 1001, hours
    week = series(queue, start=at(0) - timedelta(days=7), end=at(0), now=at(9000))
    assert week.source == "5m"


@pytest.mark.parametrize(
    ("start", "end", "step", "field"),
    [(10, 0, None, "from"), (0, 10, 0, "step"), (0, 10, -5, "step"), (0, 30_000, 1, "step")],
)
def test_absurd_ranges_and_steps_are_refused(make_queue, start, end, step, field) -> None:
    queue = make_queue([(0, 7, 0)], [(0, 100)])
    with pytest.raises(InvalidField) as refusal:
        series(queue, start=at(start), end=at(end), step_s=step, now=at(90_000))
    assert refusal.value.field == field


def test_rollups_agree_with_every_change_also_over_gaps(make_queue) -> None:
    changes: list[tuple[int, int | None, int | None]] = [
        (number * 40, number * 7 % 50, number % 5) for number in range(250)
    ]
    changes[100] = (4000, None, None)
    queue = make_queue(changes, [(0, 2000), (2570, 7000), (8000, 10_000)])
    now = at(5 * 3600)
    written = rollups.fill(now)
    assert written["5m"] > 20
    exact = series(queue, start=at(0), end=at(10_800), step_s=300, now=now)
    assert exact.source == "raw"
    summed = series(queue, start=at(0) - timedelta(days=2), end=at(10_800), step_s=300, now=now)
    assert summed.source == "5m"
    tail = summed.points[-len(exact.points) :]
    for one, other in zip(exact.points, tail, strict=True):
        assert one.at == other.at
        assert one[3:] == other[3:]
        assert (one.ready is None) == (other.ready is None)
        assert one.ready is None or abs(one.ready - other.ready) <= 1


def test_rollups_are_the_same_when_computed_again(make_queue) -> None:
    make_queue([(number * 10, number, 0) for number in range(100)], [(0, 700), (900, 1000)])
    now = at(5 * 3600)
    rollups.fill(now)
    before = list(QueueRollup5m.objects.order_by("bucket_at").values())
    RollupMark.objects.update(done_until=at(0))
    rollups.fill(now)
    assert list(QueueRollup5m.objects.order_by("bucket_at").values()) == before
    # 300 s known, 300 s, 100 s of it until the gap, and from 900 s on 100 s.
    assert [row["known_s"] for row in before] == [300, 300, 100, 100]


def test_a_quiet_queue_costs_no_rollup_rows_and_is_still_read_from_them(make_queue) -> None:
    queue = make_queue([(10, 7, 0), (9000, 8, 0)], [(0, 9100)])
    rollups.fill(at(5 * 3600))
    assert QueueRollup5m.objects.filter(queue_id=queue.pk).count() == 2
    found = series(queue, start=at(-86400 * 3), end=at(9000), step_s=600, now=at(5 * 3600))
    assert found.source == "5m"
    assert ready(found.points)[-5:] == [7] * 5


def test_a_bucket_is_closed_only_when_no_poll_may_still_write_to_it(make_queue) -> None:
    make_queue([(0, 7, 0), (310, 1, 1)], [(0, 600)])
    rollups.fill(at(300 + 60))
    assert not QueueRollup5m.objects.exists()
    rollups.fill(at(300 + 121))
    assert [row.bucket_at for row in QueueRollup5m.objects.all()] == [at(0)]


def test_an_outage_of_the_summing_worker_is_caught_up(make_queue) -> None:
    make_queue([(0, 7, 0), (310, 1, 1), (14_000, 2, 2)], [(0, 14_100)])
    rollups.fill(at(450))
    rollups.fill(at(16_000))
    buckets = sorted(QueueRollup5m.objects.values_list("bucket_at", flat=True))
    assert buckets == [at(0), at(300), at(13_800)]
    assert RollupMark.objects.get(name="5m").done_until >= at(14_100)


def test_sparklines_of_a_page_take_one_query(make_queue, django_assert_num_queries) -> None:
    busy = make_queue([(0, 5, 1), (1800, 7, 3)], [(0, 3600)])
    still = make_queue([(0, 4, 0)], [(1200, 3600)])
    lost = make_queue([(0, 4, 0), (600, None, None)], [(0, 3600)])
    ids = [busy.pk, still.pk, lost.pk]
    with django_assert_num_queries(1):
        lines = sparklines(ids, now=at(3605))
    assert all(len(line) == 13 for line in lines.values())
    assert lines[busy.pk][0] == 6
    assert lines[busy.pk][-1] == 10
    assert lines[still.pk][:4] == [None] * 4
    assert lines[still.pk][-1] == 4
    assert lines[lost.pk][-1] is None
    assert sparklines([], now=at(0)) == {}


def test_a_sparkline_ends_when_the_broker_went_silent(make_queue) -> None:
    queue = make_queue([(0, 5, 1)], [(0, 3000)])
    assert sparklines([queue.pk], now=at(3600))[queue.pk][-1] is None


def test_broker_figures_are_means_with_gaps(broker_row) -> None:
    broker = broker_row()
    BrokerSample.objects.bulk_create(
        BrokerSample(broker_id=broker.pk, at=at(seconds), queues=2, ready=seconds, publish_rate=1.5)
        for seconds in (0, 10, 20, 60)
    )
    KnownSpan.objects.create(broker=broker, from_at=at(0), last_at=at(20), until_at=at(30))
    found = broker_series(broker, start=at(0), end=at(80), step_s=10, now=at(1000))
    assert [point.ready for point in found.points] == [0, 10, 20, None, None, None, 60, None]
    assert found.points[0].publish_rate == 1.5
    assert broker_series(broker, start=at(0), end=at(80), step_s=1, now=at(1000)).step_s == 10
