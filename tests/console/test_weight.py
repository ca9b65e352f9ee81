"""What the first view of a page costs: the page, and everything it loads, compressed as it is served."""

from __future__ import annotations

import gzip
import html
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from console.local.assets import ensure_assets
from console.local.folder import CHECKOUT, default_state_folder
from tests.console import fleet
from tests.factories import add_queue, add_vhost

pytestmark = pytest.mark.django_db
MOST = 180_000
_STATIC = re.compile(r'(?:href|src)="/static/([^"]+)"')
_LOADED = re.compile(r'data-chart="([^"]+)"|hx-get="([^"]+)" hx-trigger="load"')


@pytest.fixture
def browser(client: Any, superuser: Any) -> Any:
    ensure_assets(default_state_folder())
    client.force_login(superuser)
    return client


def got(browser: Any, address: str) -> Any:
    return browser.get(address, headers={"accept-encoding": "gzip"})


def file_size(name: str) -> int:
    """As whitenoise compresses it, with gzip: browsers that take brotli get less."""
    import django_htmx

    for folder in (CHECKOUT / "static", Path(django_htmx.__file__).parent / "static"):
        if (folder / name).is_file():
            content = (folder / name).read_bytes()
            return len(content) if name.endswith(".woff2") else len(gzip.compress(content))
    raise FileNotFoundError(name)


def weight(browser: Any, address: str) -> dict[str, int]:
    """Bytes by what is loaded."""
    answer = got(browser, address)
    assert answer.status_code == 200, address
    raw = answer.content
    text = (gzip.decompress(raw) if answer.get("Content-Encoding") == "gzip" else raw).decode()
    found = {"page": len(raw)}
    found |= {
        name: file_size(re.sub(r"\.[0-9a-f]{12}(?=\.\w+$)", "", name))
        for name in _STATIC.findall(text)
    }
    for groups in _LOADED.findall(text):
        part = html.unescape(groups[0] or groups[1])
        found[part] = len(got(browser, part).content)
    return found


@pytest.fixture
def pages(now: datetime) -> list[str]:
    broker = fleet.make("orders-eu", now, environment="production")
    add_vhost(broker, "/", now)
    for number in range(100):
        queue = add_queue(
            broker, f"orders.settlement.{number}.eu-central-1", now, state="running", type="quorum"
        )
    for number in range(30):
        fleet.make(f"broker-{number}", now - timedelta(seconds=1))
    return [
        "/", f"/brokers/{broker.pk}/", "/queues/", f"/queues/?broker={broker.pk}&page_size=100",
        f"/queues/{queue.pk}/", "/vhosts/", "/users/", "/changes/", "/policies/", "/brokers/add/",
        f"/vhosts/new/?broker={broker.pk}", "/access/tokens/", "/audit/",
    ]  # fmt: skip


def test_no_first_view_weighs_more_than_180_kb(browser: Any, pages: list[str]) -> None:
    for address in pages:
        found = weight(browser, address)
        heaviest = sorted(found.items(), key=lambda one: -one[1])[:6]
        assert sum(found.values()) <= MOST, (
            f"{address}: {sum(found.values())} bytes, of them {heaviest}"
        )


def test_pages_are_compressed_but_not_what_shows_a_secret(browser: Any, pages: list[str]) -> None:
    assert got(browser, "/queues/")["Content-Encoding"] == "gzip"
    assert got(browser, "/api/v1/queues/")["Content-Encoding"] == "gzip"
    sent = {"name": "ci", "expires_in_days": 7}
    shown = browser.post("/access/tokens/", sent, headers={"accept-encoding": "gzip"})
    assert b"wrn_" in shown.content
    assert "Content-Encoding" not in shown.headers
    assert "Content-Encoding" not in got(browser, "/queues.csv").headers
