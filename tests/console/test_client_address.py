from __future__ import annotations

from typing import Any

import pytest

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
