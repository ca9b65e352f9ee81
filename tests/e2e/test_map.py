"""The map of a virtual host in Chromium, under the content security policy of every page."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from console.models import Broker
from tests.console import fleet
from tests.factories import HOSTILE, add_queue, add_vhost
from tests.vhosts.test_references import bind, exchange, policy
from vhosts.models import Queue

ORDERS = {
    "orders.eu": "eu.#", "orders.invoice": "*.invoice.*", "invoices.pdf": "*.invoice.created", "orders.us": "us.#",
    "audit.log": "#",
}  # fmt: skip


@pytest.fixture
def broker(logged_in: None) -> Broker:
    now = datetime.now(UTC)
    broker = fleet.make("orders-eu", now, poll_interval_s=3600)
    add_vhost(broker, "/", now)
    exchange(
        broker, "orders.topic", now, type="topic", arguments={"alternate-exchange": "orders.ae"}
    )
    for name in ("payments.fanout", "orders.ae", "orders.dlx"):
        exchange(broker, name, now)
    policy(broker, "dead", now, dead_letter_exchange="orders.dlx")
    for number, (name, key) in enumerate(ORDERS.items()):
        add_queue(
            broker, name, now, type="quorum", ready=number**5, total=number**5, consumers=number,
            policy="dead" if name == "orders.invoice" else "",
            state="down" if name == "orders.us" else "running",
        )  # fmt: skip
        bind(broker, "orders.topic", name, now, key)
    for name, source in (
        ("payments.ledger", "payments.fanout"), ("orders.unrouted", "orders.ae"), ("orders.dead", "orders.dlx")
    ):  # fmt: skip
        add_queue(broker, name, now, consumers=0)
        bind(broker, source, name, now)
    bind(broker, "orders.topic", "payments.fanout", now, "eu.*.paid", kind="exchange")
    add_queue(broker, "replies.1", now)
    add_queue(broker, "replies.2", now)
    return broker


@pytest.fixture
def hurt(logged_in: None) -> Broker:
    now = datetime.now(UTC)
    broker = fleet.make("hostile", now, poll_interval_s=3600)
    add_vhost(broker, "/", now)
    for name in [*HOSTILE, fleet.HOSTILE]:
        exchange(broker, name, now, type="topic")
        add_queue(broker, name, now, arguments={"x-dead-letter-exchange": name})
        bind(broker, name, name, now, name)
    return broker


def open_map(page: Page, query: str) -> None:
    page.goto(f"/topology/?{query}")
    expect(page.locator("[data-map][data-state=shown]")).to_be_visible()


def node(page: Page, name: str) -> Any:
    return page.locator(".map-node", has=page.get_by_text(name, exact=True))


def test_the_map_is_walked_by_keyboard(page: Page, broker: Broker) -> None:
    open_map(page, f"broker={broker.pk}&vhost=/")
    node(page, "orders.topic").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.id") is not None
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".map-node:focus")).to_contain_text("orders.topic")
    expect(page.locator("[data-map-detail]")).to_contain_text("Exchange orders.topic, topic")
    page.keyboard.press("f")
    page.wait_for_url("**exchange=orders.topic**")
    expect(page.locator("[data-map][data-state=shown]")).to_be_visible()
    expect(page.locator(".map-node.is-chosen")).to_contain_text("orders.topic")
    page.locator(".map-node.is-chosen").focus()
    page.keyboard.press("Escape")
    expect(page.locator(".map-node.is-chosen")).to_have_count(0)
    node(page, "orders.eu").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/queues/\d+/$"))


def test_a_search_marks_and_a_refresh_keeps_the_places(page: Page, broker: Broker) -> None:
    open_map(page, f"broker={broker.pk}&vhost=/")
    page.get_by_label("Find on the map").fill("invoice")
    expect(page.locator("[data-map-found]")).to_have_text("2 matches")
    expect(page.locator(".map-node.is-match")).to_have_count(2)
    where = "() => [...document.querySelectorAll('.map-node')].map(one => one.getAttribute('transform')).join()"
    before = page.evaluate(where)
    Queue.objects.filter(name="orders.eu").update(ready=4321, total=4321)
    Broker.objects.get(pk=broker.pk).status.save()
    expect(node(page, "orders.eu")).to_contain_text("4\u202f321", timeout=20_000)
    assert page.evaluate(where) == before
    expect(page.locator(".map-node.is-match")).to_have_count(2)


def test_what_does_not_work_says_so_in_words(page: Page, broker: Broker) -> None:
    open_map(page, f"broker={broker.pk}&vhost=/")
    expect(node(page, "orders.us")).to_contain_text("Down")
    expect(node(page, "orders.dead")).to_contain_text("no consumer")
    expect(page.locator(".map-edges .map-edge-dead_letter")).to_have_count(1)
    expect(page.locator(".map-edges .map-edge-alternate")).to_have_count(1)


@pytest.mark.parametrize("kind", ["SVG", "PNG"])
def test_the_map_is_downloaded(page: Page, hurt: Broker, kind: str, tmp_path: Path) -> None:
    open_map(page, f"broker={hurt.pk}&vhost=/")
    with page.expect_download() as begun:
        page.get_by_role("button", name=kind).click()
    path = begun.value.path()
    assert begun.value.suggested_filename == f"topology.{kind.lower()}"
    content = path.read_bytes()
    if kind == "PNG":
        assert content.startswith(b"\x89PNG")
        return
    text = content.decode()
    for markup in ("<img", "<script", "<svg/", "\u202e", "class=", "<a "):
        assert markup not in text
    assert "&lt;img src=x" in text
    assert "stroke-dasharray" in text
    # Opened on its own, it is a picture in which nothing runs.
    alone = tmp_path / "topology.svg"
    alone.write_bytes(content)
    page.goto(alone.as_uri())
    assert page.evaluate("document.querySelectorAll('text').length") > 40
    assert page.evaluate("document.querySelectorAll('script, a, image, foreignObject').length") == 0


def test_names_that_hurt_do_not_come_alive(page: Page, hurt: Broker, axe_source: str) -> None:
    page.add_init_script(
        "window.violations = [];"
        "document.addEventListener('securitypolicyviolation', e => violations.push(e.violatedDirective))"
    )
    open_map(page, f"broker={hurt.pk}&vhost=/")
    assert page.evaluate("violations") == []
    assert (
        page.locator(
            "img[src=x], svg svg, script:not([src]):not([type='application/json'])"
        ).count()
        == 0
    )
    wide = page.evaluate(
        "() => [...document.querySelectorAll('.map-name')].filter(one => one.getComputedTextLength() > Number(one.dataset.most) + 1).length"
    )
    assert wide == 0
    page.locator(".map-node").first.click()
    page.warren_watched.expected = ["Applying inline style"]  # type: ignore[attr-defined]
    for theme in ("light", "dark"):
        page.evaluate("theme => localStorage.setItem('warren-theme', theme)", theme)
        page.evaluate("() => window.dispatchEvent(new Event('storage'))")
        page.evaluate(axe_source)
        found = page.evaluate(
            "() => axe.run().then(r => r.violations.map(v => `${v.id}: ${v.nodes[0].html.slice(0, 200)} ${v.nodes[0].failureSummary}`))"
        )
        assert found == []


def test_on_a_telephone_the_table_says_it_all(page: Page, broker: Broker) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"/topology/?broker={broker.pk}&vhost=/")
    expect(page.locator(".map-panel")).to_be_hidden()
    expect(page.get_by_role("button", name="SVG")).to_be_hidden()
    listed = page.locator(".topology-list").first
    expect(listed).to_contain_text("*.invoice.created")
    over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(over) == 0


def test_four_hundred_objects_are_placed_without_overlaps(page: Page, logged_in: None) -> None:
    now = datetime.now(UTC)
    broker = fleet.make("many", now, poll_interval_s=3600)
    add_vhost(broker, "/", now)
    for number in range(80):
        exchange(broker, f"x.{number:02}", now, type="topic")
        if number % 3 == 2:
            bind(broker, f"x.{number - 1:02}", f"x.{number:02}", now, "e2e.#", kind="exchange")
    for number in range(320):
        to = {"x-dead-letter-exchange": f"x.{number % 7:02}"} if number % 5 == 0 else {}
        add_queue(broker, f"q.{number:03}", now, arguments=to, total=number)
        if number % 10:
            bind(broker, f"x.{number * 7 % 80:02}", f"q.{number:03}", now, f"key.{number}")
            bind(broker, f"x.{number % 80:02}", f"q.{number:03}", now, "all.#")
    open_map(page, f"broker={broker.pk}&vhost=/")
    expect(page.locator(".map-node")).to_have_count(400)
    overlaps = """() => {
      const boxes = [...document.querySelectorAll('.map-box')].map(one => one.getBoundingClientRect());
      let found = 0;
      for (let i = 0; i < boxes.length; i += 1) for (let n = i + 1; n < boxes.length; n += 1) {
        const [a, b] = [boxes[i], boxes[n]];
        if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom) found += 1;
      }
      return found;
    }"""
    assert page.evaluate(overlaps) == 0
