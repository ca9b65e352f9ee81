"""A real Chromium against a real server, Postgres and RabbitMQ.

`page` fails its test on any console error, uncaught exception, dialog or violation of the content
security policy, on whatever page it came.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from console.local.assets import development_file, ensure_assets
from console.local.folder import default_state_folder

PASSWORD = "correct horse battery"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/e2e/" in item.path.as_posix():
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = (
        os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    )
    if not program:
        pytest.fail("No Chromium here: bin/test installs one.", pytrace=False)
    ensure_assets(default_state_folder())
    with sync_playwright() as playwright:
        # Playwright's loop runs in this thread, so Django takes every query for one in async code.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
        chromium = playwright.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-background-networking", "--disable-dev-shm-usage"],
        )
        yield chromium
        chromium.close()
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="session")
def axe_source() -> str:
    return development_file(default_state_folder(), "axe-core/axe.min.js").read_text()


class Watched:
    """What went wrong on a page. `expected` are texts that a test has asked for."""

    def __init__(self, page: Page) -> None:
        self.found: list[str] = []
        self.expected: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.found.append(f"exception: {error}"))
        page.on("dialog", self._dialog)

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self.found.append(f"{message.text} ({message.location.get('url')})")

    def _dialog(self, dialog: Any) -> None:
        self.found.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def unexpected(self) -> list[str]:
        return [text for text in self.found if not any(one in text for one in self.expected)]


@pytest.fixture
def watched(page: Page) -> Watched:
    return page.warren_watched  # type: ignore[attr-defined]


@pytest.fixture
def page(browser: Browser, live_server: Any, settings: Any) -> Iterator[Page]:
    """A page of the console, nobody logged in; paths are relative to the live server."""
    settings.CSRF_TRUSTED_ORIGINS = [live_server.url]
    context = browser.new_context(
        base_url=live_server.url, viewport={"width": 1280, "height": 900}, reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(15_000)
    watched = page.warren_watched = Watched(page)  # type: ignore[attr-defined]
    yield page
    # Pages ask for refreshes: without this a request may outlive the test's tables.
    page.goto("about:blank")
    context.close()
    assert watched.unexpected() == []


@pytest.fixture
def administrator(transactional_db: None) -> Any:
    from django.contrib.auth import get_user_model

    return get_user_model().objects.create_superuser("ada", password=PASSWORD)


@pytest.fixture
def log_in(page: Page, administrator: Any) -> Callable[[], None]:
    """Through the form, as a person does."""

    def act() -> None:
        page.goto("/accounts/login/")
        page.fill("[name=login]", administrator.username)
        page.fill("[name=password]", PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/")

    return act


@pytest.fixture
def logged_in(log_in: Callable[[], None]) -> None:
    log_in()
