"""The API's throttles count over all web processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import DatabaseError, connection
from rest_framework.request import Request
from rest_framework.test import APIClient

from console.client_address import ClientAddressMiddleware
from console.faces.rest import request_counts
from console.faces.rest.request_counts import count_request, forget_old_counts
from console.faces.rest.throttles import PerAddress, PerUser
from vhosts.tasks import keep_history

WHOAMI = "/api/v1/whoami/"


def rows() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT key, count FROM console_request_count")
        return dict(cursor.fetchall())


@pytest.mark.django_db(transaction=True)
def test_of_requests_that_come_at_once_none_is_lost() -> None:
    """Each thread has a connection of its own, as each web process has."""

    def ask(_: int) -> list[int | None]:
        try:
            return [count_request("at once", 1020) for _ in range(20)]
        finally:
            connection.close()

    try:
        with ThreadPoolExecutor(8) as threads:
            counts = [count for found in threads.map(ask, range(8)) for count in found]
        assert sorted(count or 0 for count in counts) == list(range(1, 161))
        assert rows()["at once"] == 160
    finally:
        forget_old_counts(1020)


@pytest.mark.django_db
def test_a_new_window_begins_at_nothing() -> None:
    assert [count_request("k", until) for until in (1020, 1020, 1080, 1080)] == [1, 2, 1, 2]
    assert count_request("other", 1080) == 1


@pytest.mark.django_db
def test_windows_that_are_over_are_forgotten() -> None:
    forget_old_counts(5_000_000_000)
    count_request("over", 1020)
    count_request("not over", 4_000_000_000)
    forget_old_counts(1019.9)
    assert rows() == {"over": 1, "not over": 1}
    keep_history()
    assert rows() == {"not over": 1}


@pytest.mark.django_db
def test_where_postgres_cannot_write_nobody_is_refused(api_token: str, monkeypatch: Any) -> None:
    class Refusing:
        @staticmethod
        def cursor() -> Any:
            raise DatabaseError("cannot execute INSERT in a read-only transaction")

    monkeypatch.setattr(PerUser, "THROTTLE_RATES", {"user": "1/min"})
    monkeypatch.setattr(request_counts, "connection", Refusing)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {api_token}")
    assert [client.get(WHOAMI).status_code for _ in range(3)] == [200] * 3


@pytest.mark.django_db
def test_a_user_is_refused_at_the_limit_and_told_how_long(api_token: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(PerUser, "THROTTLE_RATES", {"user": "10/min"})
    monkeypatch.setattr(PerUser, "timer", staticmethod(lambda: 1000.0))
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {api_token}")
    answers = [client.get(WHOAMI) for _ in range(12)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 2
    assert answers[-1]["Retry-After"] == "20"
    monkeypatch.setattr(PerUser, "timer", staticmethod(lambda: 1020.0))
    assert client.get(WHOAMI).status_code == 200


@pytest.mark.django_db
def test_an_address_is_the_trusted_proxys_client_not_what_anybody_writes(
    settings: Any, rf: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(PerAddress, "THROTTLE_RATES", {"anon": "2/min"})
    monkeypatch.setattr(PerAddress, "timer", staticmethod(lambda: 1000.0))
    settings.TRUSTED_PROXIES = ["10.0.0.0/24"]

    def ask(peer: str, forwarded: str) -> bool:
        allowed = []
        sent = rf.get("/api/v1/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)
        ClientAddressMiddleware(
            lambda request: allowed.append(PerAddress().allow_request(Request(request), None))
        )(sent)
        return bool(allowed[0])

    forget_old_counts(5_000_000_000)
    assert ask("10.0.0.1", "203.0.113.7")
    assert ask("10.0.0.1", "198.51.100.1, 203.0.113.7")
    assert not ask("203.0.113.7", "")
    assert ask("198.51.100.9", "203.0.113.7")
    assert rows() == {"throttle_anon_203.0.113.7": 3, "throttle_anon_198.51.100.9": 1}
