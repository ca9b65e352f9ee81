"""The search over everything, by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from console.models import Broker
from tests.factories import add_broker, add_queue, add_vhost


@pytest.fixture(autouse=True)
def ends_quietly(page: Page) -> Iterator[None]:
    """Wait for the last answer: a search that still runs would block the emptying of the database."""
    yield
    page.wait_for_load_state("networkidle")


@pytest.fixture
def broker(logged_in: None) -> Broker:
    now = datetime.now(UTC)
    first, second = add_broker("orders-eu", now), add_broker("orders-us", now)
    for number in range(8):
        add_queue(first, f"invoice-{number}", now)
    add_queue(second, "invoice", now)
    add_queue(second, "<img src=x onerror=alert(1)>invoice", now)
    add_vhost(first, "invoicing", now)
    return first


def test_everything_is_reached_by_keyboard(page: Page, broker: Broker, axe_source: str) -> None:
    page.goto(f"/?broker={broker.pk}")
    opener = page.get_by_role("link", name="Search or run a command")
    opener.focus()
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Search")
    expect(field).to_be_focused()
    expect(page.get_by_role("option", name="Fleet", exact=True)).to_be_visible()
    page.keyboard.type("invoice")
    chosen = page.locator("#palette [aria-selected=true]")
    expect(chosen).to_contain_text("invoice-0")
    expect(field).to_have_attribute("aria-activedescendant", re.compile("palette-option-"))
    expect(page.get_by_text("In other brokers").first).to_be_visible()
    expect(page.get_by_role("option", name="Show all 10 in Queues")).to_be_visible()
    page.evaluate(axe_source)
    violations = page.evaluate(
        "() => axe.run(document.getElementById('palette')).then(result => result.violations)"
    )
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in violations] == []

    page.keyboard.press("ArrowDown")
    expect(chosen).to_contain_text("invoice-1")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#palette [role=option]").last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Tab")
    expect(chosen).to_contain_text("invoice-0")
    page.keyboard.press("Escape")
    expect(field).not_to_be_visible()
    expect(opener).to_be_focused()

    page.keyboard.press("Control+k")
    page.keyboard.type("invoice-3")
    page.keyboard.press("Enter")
    page.wait_for_url("**/queues/*/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("invoice-3")


def test_a_slash_goes_to_the_lists_filter_and_searches_elsewhere(
    page: Page, broker: Broker
) -> None:
    page.goto("/queues/")
    page.keyboard.press("/")
    expect(page.locator(".list-bar input[type=search]")).to_be_focused()
    page.goto("/system/")
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Search")).to_be_focused()
    page.keyboard.type("@us")
    expect(page.locator("#palette [role=option]")).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url("**/brokers/*/")


def test_acts_of_the_page_are_offered_and_what_loses_something_comes_last(
    page: Page, broker: Broker
) -> None:
    page.goto("/vhosts/")
    page.get_by_role("link", name="invoicing").first.click()
    page.wait_for_url("**/vhosts/*/")
    page.keyboard.press("Control+k")
    options = page.locator("#palette [role=option]")
    expect(options.filter(has_text="Edit")).not_to_have_count(0)
    labels = [text.strip() for text in options.all_inner_texts()]
    losing = [at for at, text in enumerate(labels) if text.startswith("Delete")]
    assert losing == list(range(len(labels) - len(losing), len(labels)))
    assert losing, labels
    page.keyboard.type("delete vi")
    page.keyboard.press("Enter")
    page.wait_for_url("**/delete/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Delete")


def test_on_a_telephone_it_fills_the_screen(page: Page, broker: Broker, axe_source: str) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/")
    page.get_by_role("link", name="Search or run a command").click()
    page.keyboard.type("invoice")
    expect(page.get_by_role("option", name="invoice orders-us")).to_be_visible()
    box = page.locator("#palette").bounding_box()
    assert box is not None
    assert (box["x"], box["width"]) == (0, 390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.evaluate(axe_source)
    violations = page.evaluate(
        "() => axe.run(document.getElementById('palette')).then(result => result.violations)"
    )
    assert [one["id"] for one in violations] == []
