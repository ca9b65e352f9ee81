from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from vhosts.models import Poll, Queue, VirtualHost

pytestmark = pytest.mark.django_db

QUEUES = "/api/v1/queues/"


@pytest.fixture
def broker(broker_row: Any, now: datetime) -> Any:
    broker = broker_row(name="orders")
    broker.status.depths_at = now
    broker.status.save()
    return broker


@pytest.fixture
def make_queue(broker: Any, now: datetime) -> Any:
    def make(name: str, **columns: Any) -> Queue:
        columns = {"broker": broker, "vhost": "/", "first_seen_at": now, **columns}
        return Queue.objects.create(name=name, **columns)

    return make


def names(api: Any, query: str = "") -> list[str]:
    answer = api.get(QUEUES + query)
    assert answer.status_code == 200, answer.content
    return [queue["name"] for queue in answer.json()["results"]]


@pytest.mark.parametrize(
    "name",
    ["a/b", "%2F", "a b", " a ", "a+b", "a%2Bb", "?x=1", "#f", ";p", "&", "\\", "null", "new", "..",
     "<img src=x onerror=alert(1)>", "abc\u202egnp.exe", "cafe\u0301", "\u00e9" * 127, "x" * 255, "'", '"'],
)  # fmt: skip
def test_any_name_is_found_exactly_and_read_back(api: Any, make_queue: Any, name: str) -> None:
    queue, vhost = make_queue(name, vhost=name), quote(name, safe="")
    make_queue(name + "x", vhost=name)
    body = api.get(f"{QUEUES}?broker=orders&vhost={vhost}&name={vhost}").json()
    assert [each["id"] for each in body["results"]] == [queue.pk]
    one = api.get(f"{QUEUES}{queue.pk}/").json()
    assert (one["vhost"], one["name"]) == (name, name)


def test_unknown_depths_are_null_and_come_last(api: Any, make_queue: Any) -> None:
    for name, ready in (("none", None), ("zero", 0), ("nine", 9)):
        make_queue(name, ready=ready, total=ready)
    assert names(api, "?ordering=-ready") == ["nine", "zero", "none"]
    assert names(api, "?ordering=ready") == ["zero", "nine", "none"]
    shown = {each["name"]: each for each in api.get(QUEUES).json()["results"]}
    assert shown["none"]["ready"] is None
    assert shown["zero"]["ready"] == 0


def test_queues_are_filtered(api: Any, make_queue: Any, broker_row: Any, now: datetime) -> None:
    make_queue("a", type="quorum", state="running", total=3, consumers=0)
    make_queue("b", type="classic", state="down", total=0, consumers=2)
    make_queue("c", vhost="v", total=None, consumers=None)
    make_queue("old", gone_at=now)
    other = broker_row(name="other")
    make_queue("elsewhere", broker=other)

    assert names(api, "?broker=orders") == ["a", "b", "c"]
    assert names(api, f"?broker={other.pk}") == ["elsewhere"]
    assert names(api, "?type=quorum") == ["a"]
    assert names(api, "?state=down") == ["b"]
    assert names(api, "?vhost=v") == ["c"]
    assert names(api, "?non_empty=true") == ["a"]
    assert names(api, "?non_empty=false") == ["b"]
    assert names(api, "?no_consumers=true") == ["a"]
    assert names(api, "?no_consumers=false") == ["b"]
    assert names(api, "?search=LSEW") == ["elsewhere"]
    assert names(api, "?gone=true") == ["old"]
    assert "old" not in names(api)
    assert "old" not in names(api, "?gone=false")


def test_pages_neither_repeat_nor_lose_a_queue(api: Any, make_queue: Any) -> None:
    for number in range(23):
        make_queue(f"q{number:02}", ready=number % 2)
    seen: list[str] = []
    address = f"{QUEUES}?ordering=-ready&page_size=5"
    while address:
        body = api.get(address).json()
        assert body["count"] == 23
        seen += [each["name"] for each in body["results"]]
        address = body["next"]
    assert len(seen) == len(set(seen)) == 23


def test_a_queue_carries_the_age_of_its_depth(
    api: Any, broker: Any, make_queue: Any, now: datetime
) -> None:
    queue = make_queue("a", ready=1)
    assert api.get(f"{QUEUES}{queue.pk}/").json()["depth_stale"] is False
    broker.status.depths_at = now - timedelta(hours=1)
    broker.status.save()
    assert api.get(f"{QUEUES}{queue.pk}/").json()["depth_stale"] is True
    broker.status.depths_at = None
    broker.status.save()
    shown = api.get(f"{QUEUES}{queue.pk}/").json()
    assert (shown["depth_at"], shown["depth_stale"]) == (None, True)


def test_the_history_of_an_unpolled_queue_is_gaps_not_zeros(api: Any, make_queue: Any) -> None:
    queue = make_queue("a")
    body = api.get(f"{QUEUES}{queue.pk}/history/?step=60").json()
    assert body["step"] == 60
    assert body["points"]
    assert {point["ready"] for point in body["points"]} == {None}


def test_history_is_given_for_exactly_the_range_asked_for(api: Any, make_queue: Any) -> None:
    queue = make_queue("a")
    query = "from=2026-01-01T02:00:00%2B02:00&to=2026-01-01T01:00:00Z&step=3600"
    body = api.get(f"{QUEUES}{queue.pk}/history/?{query}").json()
    assert (body["from"], body["to"]) == ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z")
    assert [point["at"] for point in body["points"]] == ["2026-01-01T00:00:00Z"]


def test_ten_years_are_summed_up(api: Any, make_queue: Any) -> None:
    queue = make_queue("a")
    answer = api.get(f"{QUEUES}{queue.pk}/history/?from=2016-01-01T00:00:00Z")
    assert answer.status_code == 200
    assert len(answer.content) < 2_000_000


@pytest.mark.parametrize(
    "time",
    ["now", "1700000000", "1700000000000", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01 00:00:00Z",
     "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z", "2026-13-01T00:00:00Z",
     "0000-01-01T00:00:00Z", "0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00",
     "10000-01-01T00:00:00Z", "2026-01-01T00:00:00%2B25:00", "2026-01-01T00:00:00 01:00",
     "2026-W01-1T00:00:00Z", "\u0662026-01-01T00:00:00Z", "%00", "x" * 900],
)  # fmt: skip
@pytest.mark.parametrize("name", ["from", "to"])
def test_a_time_that_is_none_is_named(api: Any, make_queue: Any, name: str, time: str) -> None:
    queue = make_queue("a")
    for address in (f"{QUEUES}{queue.pk}/history/", "/api/v1/polls/"):
        answer = api.get(f"{address}?{name}={time}")
        assert answer.status_code == 400, address
        assert [fault["attr"] for fault in answer.json()["errors"]] == [name]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("step=0", "step"), ("step=-1", "step"), ("step=x", "step"), ("step=1.5", "step"),
        ("step=" + "9" * 30, "step"), ("from=2020-01-01T00:00:00Z&step=1", "step"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from"), ("page=1", "page"),
        ("ordering=ready", "ordering"), ("non_empty=true", "non_empty"),
    ],
)  # fmt: skip
def test_a_bad_range_is_named(api: Any, make_queue: Any, query: str, named: str) -> None:
    answer = api.get(f"{QUEUES}{make_queue('a').pk}/history/?{query}")
    assert answer.status_code == 400
    assert [fault["attr"] for fault in answer.json()["errors"]] == [named]


def test_vhosts_are_listed_as_found(api: Any, broker: Any, now: datetime) -> None:
    VirtualHost.objects.create(
        broker=broker, name="/test/4730", first_seen_at=now, changed_at=now, tracing=None
    )
    found = api.get("/api/v1/vhosts/?name=/test/4730").json()["results"]
    assert [(each["name"], each["tracing"]) for each in found] == [("/test/4730", None)]
    assert api.get(f"/api/v1/vhosts/{found[0]['id']}/").json() == found[0]


def test_polls_are_listed_the_newest_first(api: Any, broker: Any, now: datetime) -> None:
    for age, complete in ((20, True), (10, False)):
        at = now - timedelta(seconds=age)
        Poll.objects.create(
            broker=broker, slot_at=at, started_at=at, took_ms=5, complete=complete, source="totals"
        )
    ages = [each["complete"] for each in api.get("/api/v1/polls/").json()["results"]]
    assert ages == [False, True]
    since = quote(f"{now - timedelta(seconds=15):%Y-%m-%dT%H:%M:%SZ}")
    assert api.get(f"/api/v1/polls/?from={since}").json()["count"] == 1
    assert api.get("/api/v1/polls/?complete=true&broker=orders").json()["count"] == 1


@pytest.mark.parametrize("name", ["queues", "vhosts", "users", "permissions", "polls"])
def test_a_plain_user_sees_nothing_of_any_broker(
    client: Any, django_user_model: Any, make_queue: Any, name: str
) -> None:
    queue = make_queue("a")
    client.force_login(django_user_model.objects.create_user("plain"))
    assert client.get(f"/api/v1/{name}/").status_code == 403
    assert client.get(f"{QUEUES}{queue.pk}/").status_code == 403
