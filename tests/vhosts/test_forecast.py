"""When a figure reaches its limit: known from the trend, and honest where there is none."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from vhosts.history.forecast import forecast

NOW = datetime(2026, 11, 27, 3, tzinfo=UTC)


def line(per_minute, minutes=120, start=0.0, noise=0.0, every=1):
    dice = random.Random(1)
    first = NOW - timedelta(minutes=minutes)
    return [
        (first + timedelta(minutes=m), start + per_minute * m + dice.uniform(-noise, noise))
        for m in range(0, minutes + 1, every)
    ]


def test_a_steady_rise_gives_the_time_with_high_confidence():
    found = forecast(line(10), 1800, now=NOW)
    assert found.outcome == "expected"
    assert abs(found.at - NOW - timedelta(hours=1)) < timedelta(minutes=1)
    assert found.per_hour == pytest.approx(600)
    assert (found.confidence, found.hours) == ("high", 2)


def test_outliers_dont_move_the_trend():
    points = line(10, noise=5)
    points[40] = (points[40][0], 9_000.0)
    points[80] = (points[80][0], 0.0)
    found = forecast(points, 1800, now=NOW)
    assert abs(found.at - NOW - timedelta(hours=1)) < timedelta(minutes=10)


def test_a_minimum_is_reached_from_above():
    points = [(at, 3000 - value) for at, value in line(10)]
    found = forecast(points, 1200, now=NOW, rising=False)
    assert found.outcome == "expected"
    assert abs(found.at - NOW - timedelta(hours=1)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("points", "limit", "outcome"),
    [
        ([], 10, "unknown"),
        (line(1), None, "unknown"),
        (line(1, minutes=20), 1000, "unknown"),
        (line(1, minutes=120, every=60), 1000, "unknown"),
        ([(at, None) for at, _ in line(1)], 1000, "unknown"),
        (line(-5, start=5000), 6000, "away"),
        (line(0, start=500), 6000, "away"),
        (line(10), 1000, "reached"),
        (line(0.01), 100_000, "away"),
        (line(0.05, minutes=360), 2_000, "distant"),
    ],
)  # fmt: skip
def test_it_says_when_no_time_follows(points, limit, outcome):
    found = forecast(points, limit, now=NOW)
    assert found.outcome == outcome
    assert found.confidence is None


def test_up_and_down_is_unclear_or_of_low_confidence():
    found = forecast(line(0.3, noise=400, start=500), 2000, now=NOW)
    assert found.outcome in ("unclear", "away") or found.confidence == "low"


def test_gaps_are_left_out_and_many_points_are_thinned():
    points = [
        (at, None if 30 < number < 60 else value)
        for number, (at, value) in enumerate(line(10, minutes=1440))
    ]
    found = forecast(points, 20_000, now=NOW)
    assert found.per_hour == pytest.approx(600, rel=0.01)
