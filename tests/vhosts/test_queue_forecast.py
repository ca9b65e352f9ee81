"""When a queue reaches its limit: against lines whose end is known, and against stored history."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from tests.factories import add_broker, add_queue
from vhosts.models import RecentSnapshot
from vhosts.queues.health.conditions import Facts
from vhosts.queues.health.forecast import about, forecast
from vhosts.queues.health.page import forecast_of
from vhosts.queues.health.verdict import Background, verdict


def line(minutes: int, at: Any) -> list[tuple[float, float | None]]:
    return [(60.0 * minute, at(minute)) for minute in range(minutes)]


def test_a_straight_line_ends_where_it_ends() -> None:
    found = forecast(line(30, lambda minute: 100 + 60 * minute), 3000)
    assert found.state == "reaches"
    assert found.slope == pytest.approx(1.0)
    # 1,840 after 29 minutes; 1,160 more at one a second.
    assert (found.after, found.soonest, found.latest) == pytest.approx((1160, 1160, 1160))


def test_growth_counts_from_its_lowest_point_and_not_from_before() -> None:
    found = forecast(line(180, lambda minute: 10 + 60 * max(0, minute - 160)), 3000)
    assert found.state == "reaches"
    assert found.after == pytest.approx(3000 - (10 + 60 * 19), rel=0.02)
    assert found.seconds == pytest.approx(19 * 60, abs=60)


def test_a_gap_is_left_out() -> None:
    found = forecast(line(30, lambda minute: None if 5 < minute < 15 else 60 * minute), 3000)
    assert found.after == pytest.approx(3000 - 60 * 29)


@pytest.mark.parametrize(
    ("points", "limit", "state"),
    [
        ([], 10, "too_little"),
        (line(30, lambda minute: None), 10, "too_little"),
        (line(5, lambda minute: minute), 100, "too_little"),
        (line(60, lambda minute: 500 - minute), 1000, "not_growing"),
        (line(60, lambda minute: 500), 1000, "not_growing"),
        (line(60, lambda minute: 50 * minute), 100, "at_limit"),
        (line(60, lambda minute: minute + (500 if minute % 20 < 10 else 0)), 1000, "uneven"),
        (line(60, lambda minute: minute), 10**9, "far"),
    ],
)
def test_it_says_when_it_cannot_tell(points: Any, limit: int, state: str) -> None:
    found = forecast(points, limit)
    assert (found.state, found.after) == (state, None)


def test_the_band_holds_the_true_time_for_noise_that_lasts() -> None:
    """Noise that resembles its predecessor, as that of a queue does: 200 lines with a fixed seed."""
    chance = random.Random(17)
    held = told = 0
    for _ in range(200):
        drift, points = 0.0, []
        for minute in range(90):
            drift = 0.6 * drift + chance.gauss(0, 15)
            points.append((60.0 * minute, max(0.0, 20 + 40 * minute + drift)))
        found = forecast(points, 10_000)
        if found.state == "reaches":
            told += 1
            true = (10_000 - 20 - 40 * 89) * 60 / 40
            held += (found.soonest or 0) <= true <= (found.latest or 0)
    assert told == 200
    assert held / told > 0.9


def test_words_for_a_time() -> None:
    assert [about(seconds) for seconds in (20, 740, 5399, 5400, 100_000, 500_000)] == [
        "about a minute", "≈12 min", "≈90 min", "≈2 h", "≈28 h", "≈6 days",
    ]  # fmt: skip


@pytest.mark.django_db
def test_it_reads_the_stored_depths(now: Any) -> None:
    broker = add_broker("orders", now)
    queue = add_queue(broker, "work", now, ready=1800, total=1800, unacked=0)
    RecentSnapshot.objects.bulk_create(
        RecentSnapshot(queue_id=queue.pk, at=now - timedelta(minutes=back), ready=1800 - 60 * back, unacked=0)
        for back in range(30)
    )  # fmt: skip
    found = forecast_of(queue, 3000, now=now)
    assert found.state == "reaches"
    assert found.after == pytest.approx(1200, rel=0.1)


def test_the_verdict_says_when_and_by_which_method() -> None:
    facts = Facts(
        state="running", ready=1840, unacked=0, total=1840, consumers=0, publish=6.4, deliver=0.0,
        growth=1200, max_length=3000, overflow="drop-head", dead_letters=False,
    )  # fmt: skip
    known = forecast(line(30, lambda minute: 100 + 60 * minute), 3000)
    said = verdict(facts, Background(forecast=known))
    assert said.lead == "Grows by ≈4/s, and nobody consumes."
    assert any(one == "At 3,000 messages it drops the oldest, in ≈19 min." for one in said.facts)
    assert said.method.startswith("Forecast: a straight line fitted")
    assert said.others == ("filling", "growing")
    too_new = verdict(facts, Background(forecast=forecast([], 3000)))
    assert any("there isn’t enough history to say when." in one for one in too_new.facts)


def test_it_says_that_a_queue_keeps_up_only_if_it_does() -> None:
    known: dict[str, Any] = {
        "state": "running",
        "ready": 5,
        "unacked": 0,
        "total": 5,
        "consumers": 2,
        "overflow": "drop-head",
    }
    keeps = verdict(Facts(**known, publish=6.4, deliver=6.3, growth=0), Background())
    assert keeps.lead == "Keeps up: 6.4/s in, 6.3/s out, 5 messages ready."
    behind = verdict(Facts(**known, publish=80.0, deliver=19.0, growth=0), Background())
    assert (behind.tone, behind.lead) == (
        "warn", "More comes than leaves: 80/s in, 19/s out, 5 messages ready.",
    )  # fmt: skip
    unknown = verdict(Facts(**known), Background())
    assert "Its rates aren’t known, so neither is whether it keeps up." in unknown.lead
    idle = verdict(
        Facts(**{**known, "ready": 0, "total": 0}, publish=0.0, deliver=0.0), Background()
    )
    assert (idle.tone, idle.lead) == ("mute", "Idle: it is empty and has no traffic.")
