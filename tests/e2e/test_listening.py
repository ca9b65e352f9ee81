"""Listening and the examples in a browser: what comes is seen, nothing of it runs, all fits on a phone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pika
import pytest
from django.utils import timezone
from playwright.sync_api import expect

from console.local.demo import topology
from console.models import Broker
from tests.factories import HOSTILE
from tests.messages.listening import taps_end, wait
from vhosts.messages.learning.objects import ARGUMENTS, BINDINGS, EXCHANGES, QUEUES
from vhosts.messages.listening.model import Tap
from vhosts.models import Exchange, Queue, VirtualHost

pytestmark = pytest.mark.django_db(transaction=True)
_SLOW_MS = 60_000


@pytest.fixture(autouse=True)
def _taps_end(db: None) -> Iterator[None]:
    yield
    taps_end()


@pytest.fixture
def place(make_broker: Any, live_broker: Any, scratch_vhost: Any) -> Broker:
    """A live broker with the objects of the examples in the scratch virtual host."""
    parameters = live_broker.amqp_parameters()
    url = f"{live_broker.username}:{live_broker.password}@{parameters.host}:{parameters.port}"
    broker: Broker = make_broker(name="orders-eu", amqp_url=f"amqp://127.0.0.1:{parameters.port}")
    queues = dict.fromkeys(QUEUES, ARGUMENTS)
    topology._declare(f"amqp://{url}/", scratch_vhost.name, EXCHANGES, queues, BINDINGS)
    now = timezone.now()
    seen = {"broker": broker, "first_seen_at": now}
    VirtualHost.objects.create(**seen, name=scratch_vhost.name, changed_at=now)
    for name, kind in EXCHANGES.items():
        Exchange.objects.create(
            **seen, vhost=scratch_vhost.name, name=name, type=kind, changed_at=now,
            in_rate=2310.0, rates_at=now,
        )  # fmt: skip
    for name in QUEUES:
        Queue.objects.create(**seen, vhost=scratch_vhost.name, name=name)
    return broker


def at(live_server: Any, path: str, broker: Broker, vhost: str, **more: str) -> str:
    return f"{live_server.url}{path}?{urlencode({'broker': broker.pk, 'vhost': vhost, **more})}"


def look(page: Any, name: str, scheme: str, axe_source: str) -> None:
    """Check that the page fits and is accessible; save it where SCREENSHOTS says."""
    folder = os.environ.get("SCREENSHOTS", "")
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
        if folder:
            page.screenshot(path=f"{folder}/{name}-{width}-{scheme}.png", full_page=True)
    page.evaluate(axe_source)
    found = page.evaluate("axe.run()")["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == [], name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_fanout_is_seen_as_it_comes(
    page: Any,
    live_server: Any,
    logged_in: Any,
    place: Broker,
    scratch_vhost: Any,
    axe_source: str,
    scheme: str,
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(at(live_server, "/listen/", place, scratch_vhost.name, exchange="learn.news"))
    look(page, "listen-form", scheme, axe_source)
    page.get_by_role("button", name="Start listening").click()
    expect(page.locator("[data-listen]")).to_have_attribute(
        "data-state", "listening", timeout=_SLOW_MS
    )
    for text in HOSTILE:
        scratch_vhost.channel.basic_publish(
            "learn.news",
            text[:200],
            text.encode(),
            pika.BasicProperties(headers={text[:100]: text}, type=text[:200]),
        )
    rows = page.locator(".listen-row")
    expect(rows).to_have_count(len(HOSTILE), timeout=_SLOW_MS)
    rows.first.locator("summary").click()
    expect(rows.first.locator(".message")).to_be_visible(timeout=_SLOW_MS)
    # Paused, nothing moves; cleared, the list is empty and what comes next is shown.
    page.get_by_role("button", name="Pause").click()
    look(page, "listen", scheme, axe_source)
    scratch_vhost.channel.basic_publish("learn.news", "", b"while paused")
    page.get_by_role("button", name="Clear list").click()
    expect(rows).to_have_count(0)
    page.get_by_role("button", name="Resume").click()
    scratch_vhost.channel.basic_publish("learn.news", "", b"after the pause")
    expect(page.get_by_text("after the pause")).to_be_visible(timeout=_SLOW_MS)
    page.get_by_label("Body", exact=True).fill("published beside")
    page.get_by_role("button", name="Publish message").click()
    expect(page.locator(".listen-row", has_text="published beside")).to_be_visible(timeout=_SLOW_MS)
    page.get_by_role("button", name="Stop listening").click()
    page.get_by_role("button", name="Start listening").wait_for()
    wait(lambda: not Tap.objects.exists())


def test_leaving_the_page_ends_the_tap(
    page: Any, live_server: Any, logged_in: Any, place: Broker, scratch_vhost: Any
) -> None:
    page.goto(at(live_server, "/listen/", place, scratch_vhost.name, exchange="learn.news"))
    page.get_by_role("button", name="Start listening").click()
    expect(page.locator("[data-listen]")).to_have_attribute(
        "data-state", "listening", timeout=_SLOW_MS
    )
    page.goto(f"{live_server.url}/")
    wait(lambda: not Tap.objects.exists())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_example_is_lived_through(
    page: Any,
    live_server: Any,
    logged_in: Any,
    place: Broker,
    scratch_vhost: Any,
    axe_source: str,
    scheme: str,
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(at(live_server, "/learn/", place, scratch_vhost.name))
    look(page, "learn", scheme, axe_source)
    page.get_by_role("link", name="Topics").click()
    page.get_by_role("button", name="Start receiving").click()
    panes = page.locator("[data-listen]")
    for number in range(2):
        expect(panes.nth(number)).to_have_attribute("data-state", "listening", timeout=_SLOW_MS)
    page.get_by_role("button", name="Publish berlin.rain").click()
    expect(page.get_by_text("1 message sent and confirmed.")).to_be_visible(timeout=_SLOW_MS)
    expect(panes.nth(0).locator(".listen-row")).to_have_count(1, timeout=_SLOW_MS)
    page.get_by_role("button", name="Publish berlin.storm").click()
    expect(panes.nth(1).locator(".listen-row")).to_have_count(1, timeout=_SLOW_MS)
    expect(panes.nth(0).locator(".listen-row")).to_have_count(2, timeout=_SLOW_MS)
    look(page, "learn-topics", scheme, axe_source)
