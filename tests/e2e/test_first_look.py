"""The story of the first quarter of an hour: log in, add a broker, look at a queue while it fills."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from console.models import Broker


def test_a_person_adds_a_broker_and_watches_a_queue_fill(
    page: Page,
    log_in: Any,
    live_broker: Any,
    scratch_vhost: Any,
    poll_now: Any,
    inventory_now: Any,
    eventually: Any,
) -> None:
    scratch_vhost.declare("orders")
    scratch_vhost.publish("orders", 3)

    log_in()
    expect(page.get_by_role("heading", name="Add your first broker")).to_be_visible()
    page.locator("main").get_by_role("link", name="Add broker").first.click()
    page.get_by_label("Name", exact=True).fill("orders-eu")
    page.get_by_label("Environment").select_option("staging")
    page.get_by_label("Management URL", exact=True).fill(live_broker.url)
    page.get_by_label("User", exact=True).fill(live_broker.username)
    page.get_by_label("Password", exact=True).fill(live_broker.password)
    page.get_by_label("Poll interval").fill("5")
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_role("heading", name="The connection works")).to_be_visible(timeout=20_000)
    assert page.locator("#probe .probe-steps li").count() == 9
    page.get_by_role("button", name="Add broker").click()
    expect(page.get_by_text("Broker orders-eu added.")).to_be_visible()
    expect(page.locator("#broker-now")).to_contain_text("Not polled yet")

    broker = Broker.objects.get(name="orders-eu")
    eventually(lambda: poll_now(broker).queues)
    inventory_now(broker)
    # The page finds out by itself.
    expect(page.locator("#broker-now .figures")).to_contain_text("Reachable", timeout=15_000)

    page.keyboard.press("/")
    page.keyboard.type("orders")
    page.get_by_role("option").filter(has_text=scratch_vhost.name).first.click()
    page.wait_for_url("**/queues/*/")
    expect(page.locator("h1")).to_contain_text("orders")
    chart = page.locator("[data-chart*=history]")
    expect(chart).to_have_attribute("data-state", "shown")
    ready = chart.locator(".chart-legend output").first
    expect(ready).to_have_text("3", timeout=20_000)

    scratch_vhost.publish("orders", 39)

    def polled_at_42() -> bool:
        poll_now(broker)
        return bool(queue_depth(broker, scratch_vhost.name) == 42)

    eventually(polled_at_42, within=40)
    # Nobody reloads: the chart moves by itself.
    expect(ready).to_have_text("42", timeout=30_000)
    assert page.locator("[data-chart*=history] canvas").count() == 1


def queue_depth(broker: Broker, vhost: str) -> int | None:
    from vhosts.models import Queue

    return Queue.objects.get(broker=broker, vhost=vhost, name="orders").ready


def test_a_wrong_password_is_told_at_its_step(
    page: Page, logged_in: None, live_broker: Any
) -> None:
    page.goto("/brokers/add/")
    page.get_by_label("Management URL", exact=True).fill(live_broker.url)
    page.get_by_label("User", exact=True).fill("nobody-of-that-name")
    page.get_by_label("Password", exact=True).fill("wrong")
    page.get_by_role("button", name="Test connection").click()
    step = page.locator("#probe .probe-steps li", has_text="Authentication")
    expect(step).to_contain_text("Failed", timeout=20_000)
    expect(step).to_contain_text("Check the username and password")
    expect(page.locator("#probe .probe-steps li", has_text="Version")).to_contain_text("Skipped")


def test_an_edit_that_leads_elsewhere_says_that_the_password_is_lost(
    page: Page, logged_in: None, make_broker: Any
) -> None:
    broker = make_broker(name="orders-eu")
    page.goto(f"/brokers/{broker.pk}/edit/")
    warning = page.get_by_text("so the stored password will be cleared")
    expect(warning).to_be_hidden()
    page.get_by_label("Management URL", exact=True).fill("https://elsewhere.example.org:15671")
    expect(warning).to_be_visible()
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator("#probe")).to_contain_text(
        "The stored password isn't sent to a new address"
    )


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("Management URL", "ftp://rabbit.example.org", "must begin with http"),
        ("Management URL", "http://169.254.169.254/", "metadata"),
        ("Poll interval", "2", "at least 5 seconds"),
    ],
)
def test_a_field_is_checked_by_the_server_when_it_is_left(
    page: Page, logged_in: None, field: str, text: str, sentence: str
) -> None:
    page.goto("/brokers/add/")
    page.get_by_label(field, exact=True).fill(text)
    page.keyboard.press("Tab")
    expect(page.locator(".field", has=page.get_by_label(field, exact=True))).to_contain_text(
        sentence
    )
