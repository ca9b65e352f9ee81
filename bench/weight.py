"""Measures what a browser loads for the first view of pages of a running console: bytes on the
wire.

    .venv/bin/python -m bench.weight http://127.0.0.1:8000 admin PASSWORD [/queues/ /brokers/1/ …]

Each page is opened in a new browser context with an empty cache; headers count.
tests/console/test_weight.py checks the goal; this shows what Chromium gets from the web process as
it is, with brotli.
"""

from __future__ import annotations

import shutil
import sys

from playwright.sync_api import Browser, Page, Request, sync_playwright

PAGES = ["/", "/queues/", "/vhosts/", "/users/", "/brokers/1/", "/queues/1/", "/brokers/add/"]
_SHOWN = 6


def sign_in(page: Page, base: str, name: str, password: str) -> None:
    page.goto(f"{base}/accounts/login/")
    page.fill("[name=login]", name)
    page.fill("[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_load_state()


def weigh(browser: Browser, base: str, path: str, state: object) -> list[tuple[int, str]]:
    """Return (bytes, URL) of everything that the page loads, heaviest first."""
    found: list[tuple[int, str]] = []

    def note(request: Request) -> None:
        sizes = request.sizes()
        found.append((sizes["responseBodySize"] + sizes["responseHeadersSize"], request.url))

    context = browser.new_context(storage_state=state)  # type: ignore[arg-type]
    page = context.new_page()
    page.on("requestfinished", note)
    page.goto(f"{base}{path}")
    page.wait_for_load_state("networkidle")
    context.close()
    return sorted(found, reverse=True)


def main() -> int:
    base, name, password, *paths = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        context = browser.new_context()
        sign_in(context.new_page(), base, name, password)
        for path in paths or PAGES:
            found = weigh(browser, base, path, context.storage_state())
            parts = ", ".join(
                f"{url.rpartition('/static/')[2].removeprefix(base)} {size / 1000:.1f}"
                for size, url in found[:_SHOWN]
            )
            print(f"{path:24} {sum(size for size, _ in found) / 1000:6.1f} KB: {parts}")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
