"""What has to fit and to be seen: lists at 1280 px, cells of cards, the time under the pointer, drawers."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from console.models import Broker
from tests.console import fleet
from tests.factories import add_queue, add_vhost

_LONG = "orders-eu-central-production-cluster-07"


@pytest.fixture
def broker(logged_in: None) -> Broker:
    now = datetime.now(UTC)
    broker = fleet.make(_LONG, now, poll_interval_s=3600)
    vhost = "/teams/payments-and-invoicing/production-eu-west"
    add_vhost(broker, vhost, now, tags=["payments", "production"], default_queue_type="quorum")
    for number in (1, 2):
        add_queue(
            broker, f"orders.settlement.reconciliation.eu-central-1.retry.level-{number}.dead", now, vhost=vhost,
            state="running", type="quorum", policy="settlement-orders-limit-and-expiry", total=123456, ready=123456,
        )  # fmt: skip
    return broker


def test_lists_fit_and_names_keep_their_end(page: Page, broker: Broker) -> None:
    for path in ("/queues/", "/vhosts/", "/users/", "/policies/", "/permissions/"):
        page.goto(path)
        over = "[...document.querySelectorAll('.list-scroll')].map(one => one.scrollWidth - one.clientWidth)"
        assert [wide for wide in page.evaluate(over) if wide > 0] == [], path
    page.goto("/queues/")
    tails = page.locator("td.wide .name-tail")
    expect(tails).to_have_count(2)
    inside = """tail => tail.getBoundingClientRect().right <= tail.closest("td").getBoundingClientRect().right"""
    for tail in tails.all():
        assert tail.evaluate(inside)


def test_a_cell_of_a_card_reads_as_one_line(page: Page, broker: Broker) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    for path, cell in (("/?view=table", "Nodes"), (f"/brokers/{broker.pk}/", "File descriptors")):
        page.goto(path)
        found = page.locator(f"td[data-label='{cell}']").first
        high = found.evaluate("cell => cell.getBoundingClientRect().height")
        assert high < 48, f"{path}: {cell} is {high} px high"


def test_the_frame_stays_in_view(page: Page, broker: Broker) -> None:
    page.goto(f"/brokers/{broker.pk}/")
    page.mouse.wheel(0, 600)
    page.wait_for_function("() => scrollY > 300")
    expect(page.get_by_role("link", name="Warren, to the fleet")).to_be_in_viewport()
    expect(page.locator("#rail").get_by_role("link", name="Queues")).to_be_in_viewport()


def test_the_pointer_tells_the_time_with_its_zone_and_charts_share_their_figures(
    page: Page, broker: Broker
) -> None:
    asked: list[str] = []
    page.on(
        "request", lambda request: asked.append(request.url) if "history" in request.url else None
    )
    page.goto(f"/brokers/{broker.pk}/")
    expect(page.locator("[data-chart]").last).to_have_attribute("data-state", "shown")
    assert len(asked) == 1
    page.locator(".u-over").first.hover()
    expect(page.locator(".chart-when").first).to_have_text(re.compile(r"^\d\d:\d\d:\d\d \S+"))


def test_a_drawer_opens_over_its_list_and_gives_the_focus_back(
    page: Page, broker: Broker, axe_source: str
) -> None:
    page.goto("/access/tokens/")
    button = page.get_by_role("link", name="Create token")
    button.focus()
    page.keyboard.press("Enter")
    drawer = page.get_by_role("dialog", name="Create token")
    expect(drawer.get_by_label("Name")).to_be_focused()
    expect(drawer.get_by_label("vhosts:delete")).to_be_hidden()
    drawer.get_by_label("Selected permissions").check()
    expect(drawer.get_by_label("vhosts:delete")).to_be_visible()
    page.evaluate(axe_source)
    page.warren_watched.expected = ["Applying inline style"]  # type: ignore[attr-defined]
    assert page.evaluate("() => axe.run().then(found => found.violations.map(one => one.id))") == []
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(button).to_be_focused()
    assert page.url.endswith("/access/tokens/")
    page.goto("/access/tokens/?new=token")
    expect(drawer.get_by_label("Name")).to_be_focused()
