from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accessctl.models import ConsoleSession
from accessctl.services.tokens import create_token
from console.client_address import client_address
from console.models import AuditEntry

pytestmark = pytest.mark.django_db


def act(api: Any, **headers: str) -> str | None:
    api.post(
        "/api/v1/brokers/",
        {"name": "a", "management_url": "http://10.0.0.1", "username": "u", "password": "p"},
        **headers,
    )
    return AuditEntry.objects.get(action="brokers:add").address


@pytest.mark.parametrize(
    "header", ["X_FORWARDED_FOR", "X_REAL_IP", "CLIENT_IP", "FORWARDED", "X_CLUSTER_CLIENT_IP"]
)
def test_the_audit_trail_believes_no_header_that_anybody_can_write(api: Any, header: str) -> None:
    assert act(api, **{f"HTTP_{header}": "203.0.113.7"}) == "127.0.0.1"


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("1.2.3.4, 203.0.113.7", "203.0.113.7"),
        ("1.2.3.4, <script>", "127.0.0.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("", "127.0.0.1"),
    ],
)
def test_behind_a_trusted_proxy_its_own_entry_counts(
    api: Any, settings: Any, forwarded: str, address: str
) -> None:
    settings.TRUST_PROXY = True
    assert act(api, HTTP_X_FORWARDED_FOR=forwarded) == address


@pytest.mark.parametrize(
    ("sent", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("", ""),
        ("unix:", ""),
    ],
)
def test_one_client_has_one_address_however_it_is_written(rf: Any, sent: str, address: str) -> None:
    assert client_address(rf.get("/", REMOTE_ADDR=sent)) == address


def test_sessions_tokens_and_throttles_go_by_the_trusted_proxys_address(
    settings: Any, superuser: Any, now: datetime
) -> None:
    settings.TRUST_PROXY = True
    through = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "1.2.3.4, 203.0.113.7"}
    browser = Client(**through)
    sent = {"login": "root", "password": "correct horse battery"}
    assert browser.post("/accounts/login/", sent).status_code == 302
    assert ConsoleSession.objects.get(user=superuser).address == "203.0.113.7"
    assert AuditEntry.objects.get(action="sessions:begin").after == {"address": "203.0.113.7"}

    _, token = create_token(
        user=superuser, name="t", expires_in=timedelta(days=1), now=now, acting_user=None,
        networks=["203.0.113.0/24"],
    )  # fmt: skip
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
    assert Client().get("/api/v1/whoami/", **through, **bearer).status_code == 200
    elsewhere = {**through, "HTTP_X_FORWARDED_FOR": "203.0.113.7, 198.51.100.1"}
    assert Client().get("/api/v1/whoami/", **elsewhere, **bearer).status_code == 401
    settings.TRUST_PROXY = False
    assert Client().get("/api/v1/whoami/", **through, **bearer).status_code == 401


def test_log_in_is_throttled_by_the_client_behind_the_proxy_not_by_the_proxy(
    settings: Any, superuser: Any
) -> None:
    settings.TRUST_PROXY = True

    def try_from(address: str, name: str, password: str = "guess") -> Any:  # noqa: S107
        client = Client(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=f"9.9.9.9, {address}")
        client.post("/accounts/login/", {"login": name, "password": password})
        return client

    for number in range(11):
        try_from("203.0.113.7", f"nobody{number}")
    right = ("root", "correct horse battery")
    assert "_auth_user_id" not in try_from("203.0.113.7", *right).session
    assert "_auth_user_id" in try_from("203.0.113.8", *right).session


def test_nothing_else_reads_where_a_request_comes_from() -> None:
    root = Path(__file__).resolve().parents[2]
    reads = re.compile(r"REMOTE_ADDR|FORWARDED_FOR|REAL_IP")
    found = {
        path.relative_to(root).as_posix()
        for package in ("console", "accessctl", "vhosts")
        for path in (root / package).rglob("*.py")
        if reads.search(path.read_text())
    }
    assert found == {"console/client_address.py"}
