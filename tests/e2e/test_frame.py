"""The frame at work: keyboard, menus, refresh in place, themes, the end of a session."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from console.models import Broker, BrokerStatus
from tests.console import fleet


@pytest.fixture
def broker(logged_in: None) -> Broker:
    return fleet.make(
        "orders-eu", datetime.now(UTC), environment="production", poll_interval_s=3600
    )


def test_the_keyboard_reaches_everything(page: Page, broker: Broker) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    skip = page.get_by_text("Skip to the content")
    expect(skip).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("v")
    page.wait_for_url("**/vhosts/")
    page.keyboard.press("g")
    page.keyboard.press("f")
    expect(page.get_by_role("heading", name="Fleet", exact=True)).to_be_visible()
    page.keyboard.press("c")
    page.wait_for_url("**/brokers/add/")
    page.get_by_label("Name", exact=True).press("g")
    expect(page.get_by_label("Name", exact=True)).to_have_value("g")


def test_a_refresh_brings_news_and_disturbs_nobody(page: Page, broker: Broker) -> None:
    page.goto("/")
    row = page.locator(f"#broker-{broker.pk}")
    expect(row).to_contain_text("Reachable")
    page.locator(".list-bar input[type=search]").fill("half a wo")
    BrokerStatus.objects.update(messages_ready=7654321)
    expect(page.locator("[data-refresh-mark]")).to_have_text("Paused", timeout=10_000)
    expect(page.locator(".list-bar input[type=search]")).to_have_value("half a wo")
    expect(row).not_to_contain_text("7\u202f654\u202f321")
    page.locator(".list-bar input[type=search]").blur()
    expect(row).to_contain_text("7\u202f654\u202f321", timeout=10_000)
    expect(page.locator("[data-refresh-mark]")).to_have_text("Live")

    link = row.get_by_role("link", name="orders-eu")
    link.focus()
    BrokerStatus.objects.update(messages_ready=11)
    expect(row).to_contain_text("11", timeout=10_000)
    expect(link).to_be_focused()


def test_a_refresh_that_would_show_the_same_swaps_nothing_and_ages_advance(
    page: Page, broker: Broker
) -> None:
    page.goto("/")
    age = page.locator(f"#broker-{broker.pk} time").first
    with page.expect_response(lambda answer: answer.status == 304, timeout=40_000):
        pass
    expect(page.locator("[data-refresh-mark]")).to_have_text("Live")
    shown = age.inner_text()
    expect(age).not_to_have_text(shown, timeout=5_000)
    BrokerStatus.objects.update(messages_ready=7654321)
    expect(page.locator(f"#broker-{broker.pk}")).to_contain_text(
        "7\u202f654\u202f321", timeout=10_000
    )


def test_the_scope_goes_along(page: Page, broker: Broker) -> None:
    page.goto("/")
    page.locator("details.scope > summary").click()
    page.locator("details.scope .menu-item", has_text="orders-eu").click()
    page.wait_for_url(f"**/?broker={broker.pk}")
    expect(page.get_by_role("note").first).to_contain_text("Production")
    page.locator("#rail").get_by_role("link", name="Queues").click()
    page.wait_for_url(f"**/queues/?broker={broker.pk}")
    expect(page.locator("details.scope > summary")).to_contain_text("orders-eu")


def test_the_theme_is_kept_and_there_before_the_first_paint(page: Page, broker: Broker) -> None:
    page.goto("/")
    page.get_by_label("Theme").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.route("**/*.css", lambda route: route.abort())
    page.warren_watched.expected = ["ERR_FAILED"]  # type: ignore[attr-defined]
    page.goto("/queues/", wait_until="commit")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_the_end_of_a_session_leads_to_the_log_in(page: Page, broker: Broker) -> None:
    page.goto("/")
    page.context.clear_cookies()
    page.wait_for_url("**/accounts/login/?next=/", timeout=15_000)


def test_ages_tick_and_tell_the_exact_time(page: Page, broker: Broker) -> None:
    page.goto(f"/brokers/{broker.pk}/")
    age = page.locator("#broker-now time.age").first
    before = age.inner_text()
    page.wait_for_function(
        "before => document.querySelector('#broker-now .panel time.age').innerText !== before",
        arg=before,
    )
    age.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("tooltip")).to_contain_text("UTC")


def test_a_name_is_copied_exactly(page: Page, logged_in: None) -> None:
    hostile = fleet.make(fleet.HOSTILE, datetime.now(UTC))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"/brokers/{hostile.pk}/")
    page.get_by_role("button", name="Copy the name").click()
    page.wait_for_selector(".copy.is-done")
    assert page.evaluate("() => navigator.clipboard.readText()") == hostile.name
