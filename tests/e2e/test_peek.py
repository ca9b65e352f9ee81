"""Messages of a queue in a real browser: hostile ones stay text, and axe finds nothing."""

from __future__ import annotations

from typing import Any, Literal

import pika
import pytest
from playwright.sync_api import Page

from vhosts.models import Queue

THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
EVIL = "<img src=x onerror=alert(1)>\u202e</pre><script>alert(2)</script>"


@pytest.fixture
def queue(
    transactional_db: None, logged_in: None, make_broker: Any, scratch_vhost: Any, poll_now: Any,
    inventory_now: Any, eventually: Any,
) -> Queue:  # fmt: skip
    scratch_vhost.declare("orders")
    properties = pika.BasicProperties(
        headers={EVIL: EVIL, "x-death": [{"queue": EVIL, "reason": EVIL, "exchange": EVIL}]},
        content_type=EVIL, reply_to=EVIL, message_id=EVIL,
    )  # fmt: skip
    scratch_vhost.channel.basic_publish("", "orders", EVIL.encode(), properties, mandatory=True)
    scratch_vhost.publish("orders", 2)
    broker = make_broker(name="live")

    def look() -> Queue | None:
        poll_now(broker)
        inventory_now(broker)
        rows = Queue.objects.filter(broker=broker, vhost=scratch_vhost.name, name="orders")
        return rows.exclude(inventoried_at=None).first()

    found = eventually(look)
    assert isinstance(found, Queue)
    return found


def test_hostile_messages_stay_text_at_every_width(
    page: Page, queue: Queue, axe_source: str, watched: Any
) -> None:
    watched.expected = ["Applying inline style"]
    page.goto(f"/queues/{queue.pk}/")
    page.get_by_role("link", name="Peek").click()
    page.get_by_role("button", name="Read messages").click()
    page.get_by_role("heading", name="3 messages").wait_for()
    found = []
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.reload()
            for tab in ("Headers", "Properties", "Raw", "Message"):
                page.locator(".message-tabs > label", has_text=tab).first.click()
            wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, (theme, width)
            page.evaluate(axe_source)
            violations = page.evaluate("() => axe.run().then(result => result.violations)")
            found += [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in violations]
    assert found == []
    assert page.locator("img[src=x]").count() == 0
    assert "alert(2)" in page.locator(".message-text").first.inner_text()
    page.get_by_label("Body contains").fill("message 1")
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("heading", name="1 of 3 messages").wait_for()
