"""Every route that answers with a page, opened in a browser over objects with hostile names.

The list is tests/conventions/routes.py, so a new page is opened here without anybody adding it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from django.db.models import Model
from django.test import Client
from playwright.sync_api import Page

from console.models import Broker
from tests.console import fleet
from tests.conventions.routes import ROUTES
from tests.conventions.test_routes import address_of, objects
from vhosts import models

__all__ = ["objects"]

#: They lead elsewhere, or end the session.
_NOT_OPENED = {"account_logout", "api-index", "api-schema", "api-docs"}


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def superuser(administrator: Any) -> Any:
    return administrator


@pytest.fixture
def addresses(
    logged_in: None, objects: dict[str, Any], administrator: Any, now: datetime
) -> dict[str, str]:
    """The address of each route that answers 200 with a page, by its name."""
    for model in _named():
        model._default_manager.exclude(name="/").update(name=fleet.HOSTILE)
    Broker.objects.update(name="<b>a broker</b>")
    fleet.make_all_states(now - timedelta(seconds=3))
    client = Client()
    client.force_login(administrator)
    found = {}
    for route in ROUTES.values():
        if route.get in ("none", "absent") or route.name in _NOT_OPENED:
            continue
        address = address_of(route, objects)
        answer = client.get(address)
        kind = answer.headers.get("Content-Type", "")
        if answer.status_code == 200 and kind.startswith("text/html"):
            content = b"".join(answer) if answer.streaming else answer.content
            if b"<!doctype html" in content[:200].lower():
                found[route.name] = address
    return found


def _named() -> Iterator[type[Model]]:
    for name in (
        "Queue", "Exchange", "Policy", "OperatorPolicy", "Shovel", "FederationUpstream", "Parameter",
        "FederationUpstreamSet", "FederationLink", "GlobalParameter", "Node", "Dashboard", "AlertOwner",
    ):  # fmt: skip
        yield getattr(models, name)


def visit(page: Page, addresses: dict[str, str], look: Any) -> list[str]:
    found = []
    for name, address in addresses.items():
        answer = page.goto(address)
        page.wait_for_load_state("networkidle")
        if answer is None or answer.status >= 400:
            found.append(f"{name}: {answer and answer.status}")
        found += [f"{name}: {one}" for one in look()]
    return found


def test_no_page_scrolls_sideways_or_brings_text_to_life(
    page: Page, addresses: dict[str, str], watched: Any
) -> None:
    assert len(addresses) > 100
    watched.expected = ["status of 404", "status of 400"]
    page.set_viewport_size({"width": 390, "height": 800})
    page.add_init_script(
        "window.violations = [];"
        "document.addEventListener('securitypolicyviolation', e => violations.push(e.violatedDirective))"
    )
    too_wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

    def look() -> list[str]:
        over = page.evaluate(too_wide)
        alive = page.locator("img[src=x], script:not([src]):not([type='application/json'])").count()
        found = [f"{over} px too wide"] * (over > 0) + [f"{alive} live elements"] * bool(alive)
        return found + page.evaluate("() => window.violations")

    found = visit(page, addresses, look)
    assert found == [], "\n".join(found)


@pytest.mark.long
def test_axe_finds_nothing(
    page: Page, addresses: dict[str, str], axe_source: str, watched: Any
) -> None:
    watched.expected = ["status of 404", "status of 400", "Applying inline style"]

    def look() -> list[str]:
        found = []
        themes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
        for theme in themes:
            page.evaluate("theme => localStorage.setItem('warren-theme', theme)", theme)
            page.evaluate("() => window.dispatchEvent(new Event('storage'))")
            page.evaluate(axe_source)
            violations = page.evaluate("() => axe.run().then(result => result.violations)")
            found += [
                f"{theme}: {one['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:240]}"
                for one in violations
                for node in one["nodes"][:3]
            ]
        return found

    found = visit(page, addresses, look)
    assert found == [], "\n".join(found)
