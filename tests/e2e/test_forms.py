"""Forms in the browser: what was typed stays, red goes when a field is right, the first field has the focus."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from console.models import Broker
from tests.console import fleet
from tests.e2e.conftest import PASSWORD


@pytest.fixture
def brokers(logged_in: None) -> tuple[Broker, Broker]:
    now = datetime.now(UTC)
    return fleet.make("aaa", now, state="unreachable"), fleet.make("orders", now)


def fill_in(page: Page, broker: Broker) -> None:
    page.goto(f"/users/new/?broker={broker.pk}")
    page.get_by_label("Name", exact=True).fill("app")
    page.get_by_label("New password").fill("a secret of mine")
    page.get_by_label("Other tags").fill("team-a")


def expect_filled(page: Page) -> None:
    expect(page.get_by_label("Name", exact=True)).to_have_value("app")
    expect(page.get_by_label("Other tags")).to_have_value("team-a")
    expect(page.get_by_label("New password")).to_have_value("")
    expect(page.locator("main")).to_contain_text("What you typed before is filled in again")


def test_what_was_typed_survives_back_another_broker_and_the_end_of_the_session(
    page: Page, brokers: tuple[Broker, Broker], administrator: Any, watched: Any
) -> None:
    other, broker = brokers
    fill_in(page, broker)
    page.get_by_label("Broker", exact=True).select_option(str(other.pk))
    page.wait_for_url(f"**broker={other.pk}")
    expect_filled(page)
    assert "a secret of mine" not in page.evaluate("JSON.stringify(sessionStorage)")

    fill_in(page, broker)
    page.get_by_role("button", name="Preview user").click()
    expect(page.get_by_role("heading", name="Plan")).to_be_visible()
    page.go_back()
    expect_filled(page)
    page.get_by_label("New password").fill("a secret of mine")
    page.get_by_role("button", name="Preview user").click()
    page.get_by_role("button", name="Edit request").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("app")

    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Preview user").click()
    page.fill("[name=login]", administrator.username)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**/users/new/?broker={broker.pk}")
    expect_filled(page)

    page.get_by_role("link", name="Start over").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("")
    page.get_by_label("Name", exact=True).fill("somebody")
    page.get_by_role("link", name="Cancel").click()
    page.goto(f"/users/new/?broker={broker.pk}")
    expect(page.get_by_label("Name", exact=True)).to_have_value("")


def test_back_after_an_error_is_no_question_of_the_browser(
    page: Page, brokers: tuple[Broker, Broker], watched: Any
) -> None:
    watched.expected = ["status of 400"]
    page.goto(f"/vhosts/new/?broker={brokers[1].pk}")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.get_by_label("Name", exact=True).fill("v")
    queues = page.get_by_label("Max queues")
    queues.fill("x")
    page.get_by_role("button", name="Preview virtual host").click()
    expect(queues).to_be_focused()
    expect(queues).to_have_attribute("aria-invalid", "true")
    queues.fill("4")
    expect(queues).not_to_have_attribute("aria-invalid", "true")
    expect(page.locator(".field-error")).to_have_count(0)
    expect(page.locator("[data-summary]")).to_have_count(0)
    page.get_by_role("button", name="Preview virtual host").click()
    expect(page.get_by_role("heading", name="Plan")).to_be_visible()
    page.go_back()  # without care this is ERR_CACHE_MISS: the entry is the answer to a POST
    expect(page.get_by_label("Name", exact=True)).to_have_value("v")
    expect(queues).to_have_value("4")


def test_the_result_of_a_connection_test_is_in_view_and_a_field_that_is_right_is_not_red(
    page: Page, brokers: tuple[Broker, Broker]
) -> None:
    page.goto("/brokers/add/")
    url = page.get_by_label("Management URL", exact=True)
    url.fill("http://127.0.0.1:5672")
    page.keyboard.press("Tab")
    expect(page.locator("#id_management_url_error")).to_contain_text("RabbitMQ's AMQP port")
    expect(url).to_have_attribute("aria-invalid", "true")
    url.fill("http://127.0.0.1:9")
    page.keyboard.press("Tab")
    expect(url).not_to_have_attribute("aria-invalid", "true")
    page.get_by_label("User", exact=True).fill("u")
    page.get_by_label("Password", exact=True).fill("p")
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_role("heading", name="The connection failed")).to_be_in_viewport(
        timeout=20_000
    )


def test_c_presses_the_main_act_and_the_help_says_which(
    page: Page, brokers: tuple[Broker, Broker]
) -> None:
    for path, label, lands in (
        ("/", "Add broker", "**/brokers/add/"),
        ("/users/", "Create user", "**/users/new/"),
        ("/policies/", "Create policy", "**/policies/new/"),
    ):
        page.goto(path)
        page.keyboard.press("?")
        expect(page.locator("#shortcuts dd[data-main-act]")).to_have_text(label)
        page.keyboard.press("Escape")
        page.keyboard.press("c")
        page.wait_for_url(lands)
    page.goto("/audit/")
    page.keyboard.press("?")
    expect(page.locator("#shortcuts dd[data-main-act]")).to_be_hidden()
