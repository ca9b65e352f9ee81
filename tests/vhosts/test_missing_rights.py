"""A broker whose user may not see all of it: what isn't shown is unknown, never none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from vhosts.models import BrokerSample, Poll, Queue
from vhosts.polling.depths import collect

pytestmark = pytest.mark.django_db


@pytest.fixture
def watcher(live_broker: Any) -> Iterator[tuple[str, str]]:
    """A monitoring user without a permission anywhere: name and password."""
    name, password = f"watcher-{uuid4().hex[:8]}", uuid4().hex
    live_broker.call("PUT", "users", name, body={"password": password, "tags": "monitoring"})
    yield name, password
    live_broker.forget("users", name)


@pytest.fixture
def without_scrapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where no Prometheus plugin is in reach."""
    monkeypatch.setattr(collect.NodeScrapes, "urls", lambda *_: None)


@pytest.fixture
def broker(make_broker: Any, watcher: tuple[str, str], scratch_vhost: Any) -> Any:
    scratch_vhost.declare("hidden")
    scratch_vhost.publish("hidden", 3)
    return make_broker(username=watcher[0], password=watcher[1])


def test_an_empty_listing_that_the_overview_contradicts_is_a_missing_right(
    broker: Any, watcher: tuple[str, str], poll_now: Any, live_broker: Any, without_scrapes: None
) -> None:
    status = poll_now(broker)
    counted = live_broker.call("GET", "overview")["object_totals"]["queues"]
    assert counted > 0
    assert (status.depths_source, status.queues) == ("totals", counted)
    assert (status.messages_ready, status.messages_unacked) == (None, None)
    assert f"lists none of them for the user {watcher[0]}" in status.part_errors["rights"]
    assert "tag administrator" in status.part_errors["rights"]
    poll = Poll.objects.get(broker=broker)
    assert (poll.complete, poll.queues) == (False, counted)
    sample = BrokerSample.objects.get(broker_id=broker.pk)
    assert (sample.queues, sample.ready) == (counted, None)


def test_a_listing_of_some_virtual_hosts_says_how_many_queues_it_lacks(
    broker: Any, watcher: Any, poll_now: Any, live_broker: Any, scratch_vhost: Any,
    without_scrapes: None, management: Any,
) -> None:  # fmt: skip
    other = f"other-{uuid4().hex[:8]}"
    live_broker.call("PUT", "vhosts", other, body={})
    try:
        live_broker.call("PUT", "queues", other, "unseen", body={})
        nothing = {"configure": "", "write": "", "read": ""}
        live_broker.call("PUT", "permissions", scratch_vhost.name, watcher[0], body=nothing)
        status = poll_now(broker)
    finally:
        live_broker.forget("vhosts", other)
    assert status.queues > status.queues_without_depth > 0
    assert "lists only 1 of them" in status.part_errors["rights"]
    assert Queue.objects.get(broker=broker, name="hidden").ready is not None
    assert Poll.objects.get(broker=broker).complete is False
    assert BrokerSample.objects.get(broker_id=broker.pk).ready is None


def test_a_queue_that_is_not_shown_any_more_has_an_unknown_depth(
    make_broker: Any, broker: Any, poll_now: Any, eventually: Any, without_scrapes: None
) -> None:
    allowed = make_broker()
    eventually(
        lambda: poll_now(allowed) and Queue.objects.filter(broker=allowed, name="hidden", ready=3)
    )
    type(allowed).objects.filter(pk=allowed.pk).update(
        username=broker.username, password_encrypted=broker.password_encrypted
    )
    poll_now(allowed)
    queue = Queue.objects.get(broker=allowed, name="hidden")
    assert (queue.ready, queue.last_ready, queue.gone_at) == (None, 3, None)


def test_an_inventory_tells_what_it_may_not_see_with_the_remedy(
    broker: Any, watcher: tuple[str, str], poll_now: Any, inventory_now: Any
) -> None:
    poll_now(broker)
    status = inventory_now(broker)
    for part in ("exchanges", "queues", "policies"):
        assert "it has no permission there" in status.part_errors[part]
        assert not status.knows(part)
    for part in ("users", "permissions", "topic_permissions"):
        assert f"for the user {watcher[0]}" in status.part_errors[part]
        assert "tag administrator" in status.part_errors[part]
        assert (status.part_at(part), status.knows(part)) == (None, False)
    assert status.knows("vhosts")


def test_a_scrape_that_lacks_queues_says_how_many_are_without_figures_yet(
    make_broker: Any, scratch_vhost: Any, poll_now: Any, eventually: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """After a mass declare the plugin of 3.10 names them up to two minutes late."""
    broker = make_broker()
    for number in range(20):
        scratch_vhost.declare(f"work-{number}")
    whole = eventually(
        lambda: (
            poll_now(broker) and Poll.objects.filter(broker=broker, complete=True, queues__gte=20)
        )
    )
    told = whole.latest("slot_at").queues
    overview = collect.ManagementClient.overview
    monkeypatch.setattr(
        collect.ManagementClient,
        "overview",
        lambda client: replace(overview(client), queues=told + 7),
    )
    status = poll_now(broker)
    assert (status.depths_source, status.queues) == ("prometheus", told + 7)
    assert status.queues_without_depth == 7
    assert status.messages_ready is not None
    assert status.part_errors["depths"].startswith(f"7 of {told + 7} queues are without figures")
    assert Poll.objects.filter(broker=broker).latest("slot_at").complete is False
    monkeypatch.undo()
    status = poll_now(broker)
    assert (status.queues_without_depth, status.part_errors) == (0, {})
