"""Every page, in both themes and narrow: nothing for axe to find, no scrolling sideways, no text of
a broker that comes alive, and nothing that the content security policy had to stop."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from playwright.sync_api import Page

from tests.console import fleet
from tests.e2e import places

Pages = dict[str, str]
#: What is refused with a sentence.
REFUSED = {"fleet, not understood", "not found"}


@pytest.fixture
def of_brokers(
    transactional_db: None,
    logged_in: None,
    make_broker: Any,
    scratch_vhost: Any,
    poll_now: Any,
    inventory_now: Any,
    eventually: Any,
) -> Pages:
    """Pages of what brokers have: the address of each, over a live broker and one of each state; names that mean harm."""
    from accessctl.models import BrokerUser
    from vhosts.models import Node, Queue, VirtualHost

    now = datetime.now(UTC)
    states = fleet.make_all_states(now)
    scratch_vhost.declare(fleet.HOSTILE, **{"x-max-length": 10})
    scratch_vhost.declare("x" * 255)
    scratch_vhost.publish(fleet.HOSTILE, 3)
    broker = make_broker(name="live")
    eventually(lambda: poll_now(broker).queues)
    inventory_now(broker)
    queue = Queue.objects.get(broker=broker, vhost=scratch_vhost.name, name=fleet.HOSTILE)
    vhost = VirtualHost.objects.get(broker=broker, name=scratch_vhost.name)
    user = BrokerUser.objects.filter(broker=broker).first()
    return {
        "fleet": "/",
        "fleet, nothing matches": "/?search=nothing-of-that-name",
        "fleet, not understood": "/?env=mars",
        "broker": f"/brokers/{broker.pk}/",
        "broker in trouble": f"/brokers/{states['Hostile'].pk}/",
        "broker never seen": f"/brokers/{states['Unreachable'].pk}/",
        "add a broker": "/brokers/add/",
        "edit a broker": f"/brokers/{states['Hostile'].pk}/edit/",
        "forget a broker": f"/brokers/{states['Hostile'].pk}/forget/",
        "nodes": "/nodes/",
        "node": f"/nodes/{Node.objects.get(broker=broker).pk}/",
        "node with hostile text": f"/nodes/{fleet.hostile_node(broker, now).pk}/",
        "queues": "/queues/",
        "queues of one broker": f"/queues/?broker={broker.pk}",
        "queues not known": f"/queues/?broker={states['Unreachable'].pk}",
        "queue": f"/queues/{queue.pk}/",
        "messages of a queue": f"/queues/{queue.pk}/messages/",
        "vhosts": "/vhosts/",
        "vhost": f"/vhosts/{vhost.pk}/",
        "users": "/users/",
        "user": f"/users/{user.pk}/" if user else "/users/",
        "permissions": "/permissions/",
        "matrix": f"/permissions/matrix/?broker={broker.pk}",
        "create a vhost": f"/vhosts/new/?broker={broker.pk}",
        "edit a vhost": f"/vhosts/{vhost.pk}/edit/",
        "delete a vhost": f"/vhosts/{vhost.pk}/delete/",
        "create a user": f"/users/new/?broker={broker.pk}",
        "set a permission": f"/permissions/edit/?broker={broker.pk}&user=guest&vhost=/",
        "copy permissions": f"/permissions/copy/?broker={broker.pk}",
        "set a topic permission": f"/topic-permissions/edit/?broker={broker.pk}",
        "change password": "/accounts/password/",
        "log out": "/accounts/logout/",
        "not found": "/nowhere/",
    }


@pytest.fixture
def of_changes_and_access(
    transactional_db: None, logged_in: None, make_broker: Any, administrator: Any
) -> Pages:
    """Pages of what people do, and of who they are."""
    now = datetime.now(UTC)
    return places.of_changes_and_access(make_broker(name="live"), fleet.HOSTILE, administrator, now)


@pytest.fixture(params=["of_brokers", "of_changes_and_access"])
def pages(request: pytest.FixtureRequest) -> Pages:
    found: Pages = request.getfixturevalue(request.param)
    return found


def visit(page: Page, pages: Pages, look: Callable[[str], list[str]]) -> list[str]:
    found = []
    for name, path in pages.items():
        answer = page.goto(path)
        page.wait_for_load_state("networkidle")
        if name not in REFUSED:
            assert answer is None or answer.status < 400, f"{name}: {answer.status}"
        found += [f"{name}: {one}" for one in look(name)]
    return found


@pytest.mark.slow
def test_no_page_has_anything_for_axe_to_find(
    page: Page, pages: Pages, axe_source: str, watched: Any
) -> None:
    # The last is axe's own doing, where it measures; what pages do is held below.
    watched.expected = ["status of 404", "status of 400", "Applying inline style"]

    def axe(name: str) -> list[str]:
        found = []
        themes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
        for theme in themes:
            page.emulate_media(color_scheme=theme)  # which is what the administration goes by
            page.evaluate("theme => localStorage.setItem('warren-theme', theme)", theme)
            page.evaluate("() => window.dispatchEvent(new Event('storage'))")
            if not name.startswith("admin"):
                assert page.locator("html").get_attribute("data-bs-theme") == theme
            page.evaluate(axe_source)
            violations = page.evaluate("() => axe.run().then(result => result.violations)")
            found += [
                f"{theme}: {one['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:240]}"
                for one in violations
                for node in one["nodes"][:3]
            ]
        return found

    found = visit(page, pages, axe)
    assert found == [], "\n".join(found)


def test_no_page_scrolls_sideways_on_a_telephone_and_no_text_of_a_broker_comes_alive(
    page: Page, pages: Pages, watched: Any
) -> None:
    watched.expected = ["status of 404", "status of 400"]
    page.set_viewport_size({"width": 390, "height": 800})
    page.add_init_script(
        "window.violations = [];"
        "document.addEventListener('securitypolicyviolation', e => violations.push(e.violatedDirective))"
    )
    too_wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

    def look(name: str) -> list[str]:
        over = page.evaluate(too_wide)
        alive = page.locator("img[src=x], script:not([src]):not([type='application/json'])").count()
        found = [f"{over} px too wide"] * (over > 0) + [f"{alive} live elements"] * bool(alive)
        return found + page.evaluate("() => window.violations")

    assert visit(page, pages, look) == []


def test_the_administration_and_the_api_pages_live_under_the_same_policy(
    page: Page, logged_in: None
) -> None:
    fleet.make("orders-eu", datetime.now(UTC))
    for path in (
        "/admin/",
        "/admin/console/broker/",
        "/admin/console/broker/add/",
        "/admin/auth/user/",
    ):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        assert page.locator("#site-name").is_visible(), path
    page.goto("/api/v1/docs/")
    page.wait_for_selector(".opblock", timeout=30_000)
