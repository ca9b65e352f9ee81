"""Rows of a list are selected with pointer and keyboard, and what is shown then is what goes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from console.models import Broker
from tests.factories import add_queue, add_vhost


@pytest.fixture
def broker(logged_in: None, make_broker: Any) -> Broker:
    found = make_broker(name="orders-broker")
    now = datetime.now(UTC)
    add_vhost(found, "/", now)
    for number in range(6):
        add_queue(found, f"q{number}", now, vhost="/", type="classic", state="running", total=number, ready=number)  # fmt: skip
    return found


def test_a_range_is_selected_and_the_preview_names_it(page: Page, broker: Broker) -> None:
    page.goto(f"/queues/?broker={broker.pk}&sort=name")
    boxes = page.locator("input[name=ids]")
    expect(boxes).to_have_count(6)
    count = page.locator("[data-selection-count]")
    boxes.nth(1).click()
    boxes.nth(3).click(modifiers=["Shift"])
    expect(count).to_have_text("3 selected")
    expect(page.locator("#queues")).to_have_attribute("data-choosing", "")
    page.get_by_role("button", name="Purge…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Purge 3 queues on orders-broker")
    for name in ("q1", "q2", "q3"):
        expect(page.locator(".plan-line", has_text=name)).to_have_count(1)


def test_the_keyboard_selects_and_all_that_match_leaves_out_what_was_taken_out(
    page: Page, broker: Broker
) -> None:
    page.goto(f"/queues/?broker={broker.pk}&sort=name")
    count = page.locator("[data-selection-count]")
    page.locator("a.row-link").nth(0).focus()
    page.keyboard.press("x")
    expect(count).to_have_text("1 selected")
    page.locator("a.row-link").nth(2).focus()
    page.keyboard.press("Shift+X")
    expect(count).to_have_text("3 selected")
    page.keyboard.press("Escape")
    expect(count).to_have_text("Select rows")
    page.get_by_label("Select all 6 queues that match").check()
    expect(count).to_have_text("6 selected")
    page.locator("input[name=ids]").nth(5).uncheck()
    expect(count).to_have_text("5 selected")
    page.get_by_role("button", name="Delete…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete 5 queues on orders-broker")


def test_the_form_shows_the_arguments_of_the_selected_type_and_keeps_what_was_typed(
    page: Page, broker: Broker
) -> None:
    page.goto(f"/queues/new/?broker={broker.pk}")
    priority, age = page.get_by_label("Maximum priority"), page.get_by_label("Max age")
    expect(priority).to_be_visible()
    expect(age).to_be_hidden()
    priority.fill("5")
    page.get_by_text("Stream: a replicated log").click()
    expect(priority).to_be_hidden()
    expect(age).to_be_visible()
    page.get_by_text("Classic: on one node").click()
    expect(priority).to_have_value("5")
