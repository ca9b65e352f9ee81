"""The form of policies in the browser: a definition as rows and as text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from console.models import Broker
from tests.console import fleet


@pytest.fixture
def broker(logged_in: None) -> Broker:
    return fleet.make("orders", datetime.now(UTC))


def test_a_definition_is_edited_as_rows_and_as_text(
    page: Page, broker: Broker, watched: Any
) -> None:
    page.goto(f"/policies/new/?broker={broker.pk}")
    page.get_by_label("Virtual host", exact=True).fill("/")
    page.get_by_label("Name", exact=True).fill("caps")
    page.get_by_label("Key 1", exact=True).fill("max-length")
    page.get_by_label("Value 1", exact=True).fill("3000")
    expect(page.locator(".definition-hint").first).to_have_text(
        "whole number, not negative, messages"
    )
    page.get_by_role("button", name="Add key").click()
    page.get_by_label("Key 2", exact=True).fill("overflow")
    page.get_by_label("Value 2", exact=True).fill("reject-publish")
    page.get_by_role("button", name="Add key").click()
    page.get_by_label("Key 3", exact=True).fill("wrong")
    expect(page.locator(".definition-hint").last).to_have_text("This broker has no such key.")
    page.get_by_role("button", name="Remove key 3").click()
    page.get_by_role("button", name="Edit as text").click()
    text = page.get_by_role("textbox", name="Definition")
    expect(text).to_have_value("max-length = 3000\noverflow = reject-publish")
    text.fill("max-length = 3000\nno sign")
    page.get_by_role("button", name="Edit as rows").click()
    expect(text).to_be_visible()
    text.fill("max-length = 9")
    page.get_by_role("button", name="Edit as rows").click()
    expect(page.get_by_label("Value 1", exact=True)).to_have_value("9")

    page.get_by_role("button", name="Preview policy").click()
    expect(page.locator(".plan")).to_contain_text("max-length")
    page.get_by_role("button", name="Edit request").click()
    expect(page.get_by_label("Key 1", exact=True)).to_have_value("max-length")
    expect(page.get_by_label("Value 1", exact=True)).to_have_value("9")
