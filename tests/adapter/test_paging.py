"""Reading pages while the broker's queues come, go or cannot be listed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.rabbitmq.endpoint import Limits
from console.rabbitmq.errors import AnswerTooLarge, BrokerFailed, MalformedAnswer, Rejected
from console.rabbitmq.management.paging import read_pages

LIMITS = Limits()


class Pages:
    """A broker's paged listing of the numbers below `count`, failing wherever a bad one is on the page."""

    def __init__(self, count: int, bad: set[int] | None = None) -> None:
        self.count = count
        self.bad = bad or set()
        self.asked: list[tuple[int, int]] = []

    def __call__(self, page: int, size: int) -> bytes:
        self.asked.append((page, size))
        start = (page - 1) * size
        if start >= self.count and page > 1:
            raise Rejected("Page out of range, page: 9 page size: 500, len: 1", status=400)
        items = range(start, min(start + size, self.count))
        if self.bad & set(items):
            raise BrokerFailed(status=500)
        return json.dumps({"total_count": self.count, "items": list(items)}).encode()


def numbers(rows: list) -> list[int]:
    return [json.loads(bytes(row)) for row in rows]


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1000, 1234])
def test_every_row_is_read_once(count: int) -> None:
    found = read_pages(Pages(count), LIMITS)
    assert numbers(found.rows) == list(range(count))
    assert found.complete
    assert found.unlistable == 0


@settings(max_examples=40)
@given(st.integers(1, 1600), st.sets(st.integers(0, 1599), max_size=5))
def test_only_the_unlistable_rows_are_missing(count: int, bad: set[int]) -> None:
    bad = {number for number in bad if number < count}
    found = read_pages(Pages(count, bad), LIMITS)
    assert numbers(found.rows) == [number for number in range(count) if number not in bad]
    assert found.unlistable == len(bad)


def test_one_bad_row_among_ten_thousand_costs_few_requests_more() -> None:
    pages = Pages(10_000, {4321})
    read_pages(pages, LIMITS)
    assert len(pages.asked) < 60


def test_a_broker_that_fails_altogether_is_not_asked_row_by_row_for_ever() -> None:
    pages = Pages(5000, set(range(5000)))
    with pytest.raises(BrokerFailed):
        read_pages(pages, LIMITS)
    assert len(pages.asked) < 60


def _changing(counts: list[int]) -> Callable[[int, int], bytes]:
    """A listing whose count moves on with every request, the last one staying."""
    left = list(counts)

    def get(page: int, size: int) -> bytes:
        count = left.pop(0) if len(left) > 1 else left[0]
        return Pages(count)(page, size)

    return get


def test_a_total_that_moves_meanwhile_is_read_again() -> None:
    found = read_pages(_changing([900, 901]), LIMITS)
    assert len(found.rows) == 901
    assert found.complete


def test_a_total_that_never_rests_gives_an_incomplete_listing() -> None:
    found = read_pages(_changing(list(range(900, 960))), LIMITS)
    assert found.rows
    assert not found.complete


def test_fewer_rows_than_announced_are_not_taken_for_all() -> None:
    found = read_pages(lambda page, size: b'{"total_count": 5, "items": [1, 2]}', LIMITS)
    assert not found.complete


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{}", b'{"total_count": "x", "items": []}', b'{"total_count": 1, "items": {}}', b"<"],
)
def test_what_is_no_page_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        read_pages(lambda page, size: body, LIMITS)


def test_more_rows_than_the_limit_are_refused_at_the_first_page() -> None:
    pages = Pages(5000)
    with pytest.raises(AnswerTooLarge):
        read_pages(pages, Limits(rows=1000))
    assert len(pages.asked) == 1
