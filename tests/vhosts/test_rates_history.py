"""Rates read back over time, and where they show. Real Postgres, rows as polls write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vhosts.history import partitions, rollups
from vhosts.history.read_rates import rate_series
from vhosts.models import Queue, QueueRate, RateRollup1h, RateRollup5m, RateSpan

pytestmark = pytest.mark.django_db
#: A whole hour some hours ago, so that rollups of it are closed.
T0 = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)


@pytest.fixture
def browser(client: Any, superuser: Any) -> Any:
    client.force_login(superuser)
    return client


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


@pytest.fixture
def make_queue(broker_row) -> Any:
    """make_queue(publish rates, spans) with seconds after T0."""
    partitions.make_ahead(T0, back_days=3)

    def make(rates: list[tuple[int, float | None]], spans: list[tuple[int, int]]) -> Queue:
        queue = Queue.objects.create(broker=broker_row(), vhost="/", name="q", first_seen_at=T0)
        for when, rate in rates:
            other = None if rate is None else 0
            QueueRate.objects.create(
                queue_id=queue.pk, at=at(when), publish=rate, deliver=other, ack=other,
                redeliver=other, get=other,
            )  # fmt: skip
        for start, end in spans:
            RateSpan.objects.create(broker=queue.broker, from_at=at(start), until_at=at(end))
        return queue

    return make


def published(queue: Queue, start: int, end: int, step: int) -> list[float | None]:
    found = rate_series(queue, start=at(start), end=at(end), step_s=step, now=datetime.now(UTC))
    return [point.publish for point in found.points]


def test_a_rate_holds_until_the_next_and_gaps_are_unknown(make_queue) -> None:
    queue = make_queue([(10, 5.0), (30, 0.0), (70, 2.0)], [(0, 40), (60, 90)])
    assert published(queue, 0, 100, 10) == [0, 5, 5, 0, None, None, 0, 2, 2, None]


def test_after_a_gap_a_queue_without_a_row_has_no_traffic(make_queue) -> None:
    """Its last rate before the gap says nothing about the time after it."""
    queue = make_queue([(0, 5.0)], [(0, 20), (40, 60)])
    assert published(queue, 0, 60, 10) == [5, 5, None, None, 0, 0]


def test_a_queue_whose_counters_cannot_be_read_is_unknown(make_queue) -> None:
    queue = make_queue([(0, 5.0), (20, None), (40, 3.0)], [(0, 60)])
    assert published(queue, 0, 60, 10) == [5, 5, None, None, 3, 3]


def test_averages_are_weighted_by_known_time(make_queue) -> None:
    queue = make_queue([(0, 6.0), (20, 0.0)], [(0, 40)])
    found = rate_series(queue, start=at(0), end=at(60), step_s=60, now=datetime.now(UTC))
    assert (found.points[0].publish, found.points[0].publish_max) == (3, 6)


def test_rollups_say_the_same_as_every_change(make_queue) -> None:
    changes = [(0, 4.0), (150, 8.0), (450, 0.0), (1000, 1.0), (3700, 0.0)]
    queue = make_queue(changes, [(0, 1200), (1500, 4000)])
    raw = published(queue, 0, 4200, 300)
    assert raw[:4] == [6, 4, 0, 0.667]
    assert raw[4] is None
    rollups.fill(datetime.now(UTC))
    assert RateRollup5m.objects.filter(queue_id=queue.pk).exists()
    assert RateRollup1h.objects.filter(queue_id=queue.pk).exists()
    long = rate_series(
        queue, start=at(-4 * 3600), end=at(7 * 3600), step_s=300, now=datetime.now(UTC)
    )
    assert long.source == "5m"
    shown = [point.publish for point in long.points][48:][: len(raw)]
    assert [value is None for value in shown] == [value is None for value in raw]
    known = [value for value in raw if value is not None]
    assert [value for value in shown if value is not None] == pytest.approx(known, rel=0.01)


def test_rates_of_one_hour_from_rollups(make_queue) -> None:
    queue = make_queue([(0, 10.0), (1800, 0.0)], [(0, 7200)])
    rollups.fill(datetime.now(UTC))
    row = RateRollup1h.objects.get(queue_id=queue.pk)
    assert (row.publish_avg, row.publish_max, row.publish_last) == (5, 10, 0)
    assert row.known_s == 3600


def test_the_list_shows_rates_and_growth_and_sorts_by_them(browser, broker_row, now) -> None:
    broker = broker_row(name="orders")
    broker.status.rates_at = broker.status.depths_at = now
    broker.status.save()
    for name, rate, growth in (("calm", 0.0, 0), ("fast", 12.5, 4000), ("new", None, None)):
        Queue.objects.create(
            broker=broker, vhost="/", name=name, first_seen_at=now, publish_rate=rate,
            deliver_rate=rate, get_rate=rate, growth_5m=growth, rates_at=now,
        )  # fmt: skip
    shown = browser.get("/queues/?sort=-growth_5m").content.decode()
    assert shown.index(">fast<") < shown.index(">calm<") < shown.index(">new<")
    assert "+4" in shown
    assert ">25<" in shown
    table = browser.get("/queues.csv?sort=-growth_5m")
    lines = b"".join(table.streaming_content).decode().splitlines()
    assert "in_rate" in lines[0]
    assert "12.5" in lines[1]
    only = browser.get("/queues/?growing=1&busy=1").content.decode()
    assert ">calm<" not in only
    page = browser.get(f"/queues/{Queue.objects.get(name='fast').pk}/").content.decode()
    assert "rates.json" in page


def test_the_api_has_the_same_rates_filters_and_orders(api, broker_row, now) -> None:
    broker = broker_row(name="orders")
    broker.status.rates_at = now
    broker.status.save()
    for name, rate, growth in (("calm", 0.0, 0), ("fast", 12.5, 40), ("new", None, None)):
        Queue.objects.create(
            broker=broker, vhost="/", name=name, first_seen_at=now, publish_rate=rate,
            deliver_rate=rate, get_rate=rate, growth_5m=growth,
        )  # fmt: skip

    def names(query: str) -> list[str]:
        return [row["name"] for row in api.get(f"/api/v1/queues/{query}").json()["results"]]

    assert names("?ordering=-out_rate") == ["fast", "calm", "new"]
    assert names("?ordering=growth_5m") == ["calm", "fast", "new"]
    assert names("?growing=true") == ["fast"]
    assert names("?busy=false") == ["calm"]
    by_name = {row["name"]: row for row in api.get("/api/v1/queues/").json()["results"]}
    assert by_name["fast"]["publish_rate"] == 12.5
    assert by_name["new"]["rates_at"] is None
    assert by_name["fast"]["rates_at"] is not None


def test_the_chart_its_table_and_its_csv_have_the_same_figures(browser, make_queue) -> None:
    queue = make_queue([(0, 5.0)], [(0, 60)])
    span = f"?from={at(0):%Y-%m-%dT%H:%M:%SZ}&to={at(60):%Y-%m-%dT%H:%M:%SZ}"
    data = browser.get(f"/queues/{queue.pk}/rates.json{span}").json()
    assert set(data["publish"]) == {5.0}
    assert "5" in browser.get(f"/queues/{queue.pk}/rates/{span}").content.decode()
    table = b"".join(browser.get(f"/queues/{queue.pk}/rates.csv{span}").streaming_content)
    assert len(table.decode().splitlines()) == len(data["at"]) + 1
    assert browser.get(f"/queues/{queue.pk}/rates.json?range=never").status_code == 400


def test_rates_older_than_the_depths_show_their_age(browser, broker_row, now) -> None:
    broker = broker_row(name="orders")
    broker.status.depths_at, broker.status.rates_at = now, now - timedelta(minutes=10)
    broker.status.save()
    Queue.objects.create(
        broker=broker, vhost="/", name="q", first_seen_at=now, ready=1, unacked=0, total=1,
        publish_rate=3.0, deliver_rate=0.0, get_rate=0.0,
    )  # fmt: skip
    shown = browser.get("/queues/").content.decode()
    row = shown[shown.index('data-label="In/s"') :]
    assert "10 min" in row[: row.index("</td>")] or "600" in row[: row.index("</td>")]


def test_the_reason_for_unknown_rates_is_shown(browser, broker_row, now) -> None:
    broker = broker_row(name="orders")
    broker.status.rates_unknown = "rates_mode is none & <b>"
    broker.status.save()
    Queue.objects.create(broker=broker, vhost="/", name="q", first_seen_at=now)
    shown = browser.get("/queues/").content.decode()
    assert "rates_mode is none &amp; &lt;b&gt;" in shown
