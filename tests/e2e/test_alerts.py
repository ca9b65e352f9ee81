"""The pages of alerts in a browser: axe in both themes, narrow, hostile names; acknowledging by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from tests.alerts.make import add_event, fire, make_channel, make_rule, resolve
from tests.console import fleet
from tests.factories import add_broker, add_queue
from vhosts.alerts.notifications.route import route_events
from vhosts.models import AlertDelivery, AlertIncident

NARROW = {"width": 390, "height": 844}


@pytest.fixture
def places(transactional_db: None, logged_in: None) -> dict[str, str]:
    """Addresses of pages with alerts of all states; names that mean harm."""
    now = datetime.now(UTC)
    broker = add_broker(fleet.HOSTILE, now)
    critical, minor = make_rule("No consumers"), make_rule(fleet.HOSTILE, severity="warning")
    add_queue(broker, "orders", now)
    make_channel(
        "json://192.0.2.1/",
        "Platform on call",
        kind="slack",
        about="#oncall",
        sent_at=now,
        took_ms=400,
    )
    failing = make_channel(
        "json://192.0.2.1/",
        fleet.HOSTILE,
        failures=3,
        error=f"HTTP 503 {fleet.HOSTILE}",
        failed_at=now,
    )
    resolve(fire(critical, broker, "orders", now - timedelta(days=1)), now - timedelta(hours=20))
    first = fire(critical, broker, "orders", now - timedelta(minutes=23))
    fire(minor, broker, fleet.HOSTILE, now - timedelta(minutes=10), detail=fleet.HOSTILE)
    fire(
        minor,
        broker,
        "x" * 255,
        now - timedelta(hours=3),
        state="acknowledged",
        acknowledged_by="ops-2",
        acknowledged_at=now,
    )
    fire(
        minor,
        broker,
        "snoozed",
        now - timedelta(hours=4),
        state="snoozed",
        snoozed_until=now + timedelta(hours=1),
    )
    fire(minor, broker, "unseen", now - timedelta(hours=4), state="no_data", state_before="firing")
    fire(critical, broker, "waiting", now - timedelta(minutes=1), state="pending", fired_at=None)
    add_event(first, "reminded", now - timedelta(minutes=3), text=fleet.HOSTILE)
    route_events(now)
    delivery = AlertDelivery.objects.filter(channel=failing).first()
    assert delivery is not None
    delivery.attempts, delivery.error = 3, failing.error
    delivery.tries = [{"at": now.isoformat(), "sent": False, "why": fleet.HOSTILE, "took_ms": 12}]
    delivery.save()
    return {
        "alerts": "/alerts/",
        "alerts, nothing": "/alerts/?search=nothing-of-that-name",
        "alert": f"/alerts/{first.pk}/",
        "channels": "/alerts/channels/",
        "channel": f"/alerts/channels/{failing.pk}/",
        "create a channel": "/alerts/channels/create/?kind=email",
        "delete a channel": f"/alerts/channels/{failing.pk}/delete/",
        "rules": "/alerts/rules/",
        "rule": f"/alerts/rules/{critical.pk}/",
        "create a rule": "/alerts/rules/create/?type=queue_messages",
        "maintenance": "/alerts/maintenance/",
        "create a window": "/alerts/maintenance/create/",
        "owners": "/alerts/owners/",
        "create an owner": "/alerts/owners/create/",
        "messages": "/alerts/messages/",
        "message": f"/alerts/messages/{delivery.notification_id}/",
    }


@pytest.mark.slow
def test_the_pages_have_nothing_for_axe_to_find_and_fit_a_phone(
    page: Page, places: dict[str, str], axe_source: str, watched: Any
) -> None:
    watched.expected = ["Applying inline style"]
    found = []
    for name, path in places.items():
        page.set_viewport_size({"width": 1280, "height": 900})
        answer = page.goto(path)
        page.wait_for_load_state("networkidle")
        assert answer is None or answer.status < 400, name
        themes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
        for theme in themes:
            page.evaluate("theme => localStorage.setItem('warren-theme', theme)", theme)
            page.evaluate("() => window.dispatchEvent(new Event('storage'))")
            expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
            page.evaluate(axe_source)
            result = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
            found += [
                f"{name}, {theme}: {one['id']} {one['nodes'][0]['html'][:200]}"
                for one in result["violations"]
            ]
        page.set_viewport_size(NARROW)
        wide = page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if wide > 0:
            found.append(f"{name}: {wide} px too wide")
    assert found == []


def test_selected_alerts_are_acknowledged_by_hand(page: Page, places: dict[str, str]) -> None:
    page.goto("/alerts/")
    before = AlertIncident.objects.filter(state="acknowledged").count()
    page.get_by_role("checkbox", name="Select No consumers: orders").check()
    page.get_by_role("button", name="Acknowledge…").click()
    page.get_by_label("Note").fill("restarted it")
    page.get_by_role("button", name="Acknowledge alerts").click()
    expect(page.get_by_text("Acknowledged: 1 alert")).to_be_visible()
    assert AlertIncident.objects.filter(state="acknowledged").count() == before + 1
