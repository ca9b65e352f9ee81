"""Publishing in the browser: the route is shown while typing, and the outcome after sending."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from vhosts.models import PublishRequest


def test_the_route_follows_what_is_typed_and_the_outcome_is_shown(
    page: Page, logged_in: None, make_broker: Any, live_broker: Any, scratch_vhost: Any,
    poll_now: Any, inventory_now: Any,
) -> None:  # fmt: skip
    scratch_vhost.declare("orders")
    scratch_vhost.channel.exchange_declare("shop", "headers", durable=True)
    scratch_vhost.channel.queue_bind("orders", "shop", "", {"x-match": "all", "kind": "new"})
    at = live_broker.amqp_parameters()
    broker = make_broker(amqp_url=f"amqp://{at.host}:{at.port}")
    poll_now(broker)
    inventory_now(broker)
    page.goto(f"/messages/publish/?broker={broker.pk}&vhost={scratch_vhost.name}&exchange=shop")
    preview = page.locator("#publish-preview")
    expect(preview).to_contain_text("Won’t be routed")
    page.get_by_label("Header 1: name").fill("kind")
    page.get_by_label("Header 1: value").fill("new")
    expect(preview).to_contain_text("Will be routed")
    expect(preview.get_by_role("link", name="orders").first).to_be_visible()
    page.locator("#id_body").fill('{"id": 1}')
    button = page.get_by_role("button", name="Publish message")
    button.dblclick()
    expect(page.locator(".publish-outcome")).to_contain_text("Confirmed in queues")
    expect(page.get_by_label("Header 1: value")).to_have_value("new")
    page.reload()
    expect(page.locator(".publish-outcome")).to_contain_text("Confirmed in queues")
    assert PublishRequest.objects.count() == 1
    depth = scratch_vhost.channel.queue_declare("orders", passive=True).method.message_count
    assert depth == 1
    page.get_by_label("Header 1: value").fill("old")
    expect(preview).to_contain_text("Won’t be routed")
    page.get_by_role("button", name="Publish message").click()
    expect(page.locator(".publish-outcome")).to_contain_text("Not routed")
