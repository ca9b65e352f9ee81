"""The API's throttles count over all web processes."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from console.faces.rest import request_counts
from console.faces.rest.request_counts import RequestCounts, forget_old_counts
from console.faces.rest.throttles import PerUser
from vhosts.tasks import keep_history

pytestmark = pytest.mark.django_db


def rows() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT key, count FROM console_request_count")
        return dict(cursor.fetchall())


def ask(process: RequestCounts, times: int = 1, *, now: float = 1000.0, tell_after: int = 5) -> int:
    for _ in range(times):
        count, _ = process.add("k", now=now, seconds=60, tell_after=tell_after)
    return count


def test_two_processes_count_together_with_few_writes() -> None:
    one, other = RequestCounts(), RequestCounts()
    assert ask(one, 4) == 4
    assert rows() == {}, "the others are told after every five"
    assert ask(one) == 5
    assert rows() == {"k": 5}
    assert ask(other, 4) == 4
    assert ask(other) == 10
    assert ask(one, 5) == 15
    with CaptureQueriesContext(connection) as queries:
        assert ask(one, 4) == 19
    assert len(queries) == 0


def test_a_new_window_begins_at_nothing_for_all() -> None:
    one, other = RequestCounts(), RequestCounts()
    ask(one, 5)
    assert one.add("k", now=1019.9, seconds=60, tell_after=1) == (6, 1020)
    assert one.add("k", now=1020.0, seconds=60, tell_after=1) == (1, 1080)
    assert other.add("k", now=1021.0, seconds=60, tell_after=1) == (2, 1080)


def test_windows_that_are_over_are_forgotten(monkeypatch: Any) -> None:
    process = RequestCounts()
    ask(process, 5)
    forget_old_counts(1000 + 3000)
    assert rows() == {"k": 5}
    keep_history()
    assert rows() == {}
    monkeypatch.setattr(request_counts, "_MOST_KEYS", 3)
    for number in range(9):
        process.add(f"{number}", now=2000.0 + 60 * number, seconds=60, tell_after=100)
    assert len(process._counts) <= 4


def test_where_postgres_cannot_write_each_process_counts_for_itself(monkeypatch: Any) -> None:
    class Refusing:
        def __enter__(self) -> None:
            raise DatabaseError("cannot execute INSERT in a read-only transaction")

        def __exit__(self, *args: Any) -> None: ...

    monkeypatch.setattr(request_counts.connection, "cursor", Refusing)
    process = RequestCounts()
    assert ask(process, 12) == 12


def test_a_user_of_two_processes_is_refused_at_the_limit_and_told_how_long(
    api_token: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr(PerUser, "THROTTLE_RATES", {"user": "10/min"})
    monkeypatch.setattr(PerUser, "timer", staticmethod(lambda: 1000.0))
    processes = RequestCounts(), RequestCounts()
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {api_token}")
    statuses = []
    for number in range(12):
        monkeypatch.setattr("console.faces.rest.throttles.counts", processes[number % 2])
        answer = client.get("/api/v1/whoami/")
        statuses.append(answer.status_code)
    assert statuses == [200] * 10 + [429] * 2
    assert answer["Retry-After"] == "20"
