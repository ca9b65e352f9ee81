"""Bindings, read exchange by exchange where that costs the broker less than listing all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from console.rabbitmq.management import client as management
from console.rabbitmq.management.answers import decoded, rows_of
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.management.paths import path
from console.rabbitmq.types import Listing
from tests.adapter.conftest import LiveBroker
from vhosts.bindings import by_exchange as reading
from vhosts.bindings.by_exchange import bindings_by_exchange


@pytest.fixture
def client(broker: LiveBroker) -> Iterator[ManagementClient]:
    with broker.client() as client:
        yield client


@pytest.fixture
def bound(broker: LiveBroker) -> LiveBroker:
    name = broker.declare("by/queue")
    for exchange in ("by/1", "by ü", "none"):
        broker.put(path("exchanges", broker.vhost, exchange), {"type": "topic"})
    for source, kind, to in (("by/1", "q", name), ("by/1", "e", "by ü"), ("by ü", "q", name)):
        for key in ("a.#", "b"):
            route = path("bindings", broker.vhost, "e", source, kind, to)
            assert broker.send("POST", route, {"routing_key": key}).ok
    return broker


def _all(client: ManagementClient) -> list[Any]:
    return [row for row in rows_of(decoded(client.http.get(path("bindings")))) if row["source"]]


def _sorted(rows: list[Any]) -> list[Any]:
    return sorted(rows, key=lambda row: [str(value) for value in row.values()])


def test_exchange_by_exchange_tells_what_the_listing_tells(
    client: ManagementClient, bound: LiveBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_QUEUES_PER_EXCHANGE", 0)
    found = bindings_by_exchange(client)
    assert found is not None
    assert _sorted(found) == _sorted(_all(client))
    assert (
        len(
            [row for row in found if row["vhost"] == bound.vhost and row["source"].startswith("by")]
        )
        == 6
    )


def test_with_few_queues_all_are_listed_at_once(
    client: ManagementClient, bound: LiveBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_QUEUES_PER_EXCHANGE", 10**9)
    assert bindings_by_exchange(client) is None


def test_an_exchange_that_was_deleted_meanwhile_has_no_bindings(
    client: ManagementClient, bound: LiveBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_QUEUES_PER_EXCHANGE", 0)
    listed = client.exchanges()
    monkeypatch.setattr(client, "exchanges", lambda: listed)
    bound.delete(path("exchanges", bound.vhost, "by/1"))
    found = bindings_by_exchange(client)
    assert found is not None
    assert _sorted(found) == _sorted(_all(client))


@pytest.mark.parametrize("fault", ["rejected", "incomplete", "another object"])
def test_what_can_not_be_read_so_is_left_to_the_listing(
    client: ManagementClient, bound: LiveBroker, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(reading, "_QUEUES_PER_EXCHANGE", 0)
    listed = client.exchanges()
    if fault == "rejected":
        listed = Listing(listed.items, [management._UNLISTABLE])
    elif fault == "incomplete":
        listed = Listing(listed.items, [], complete=False)
    else:
        other = path("exchanges", bound.vhost, "by/1", "bindings", "source")
        get = client.http.get
        monkeypatch.setattr(
            client.http,
            "get",
            lambda target, **more: get(other if "bindings/source" in target else target, **more),
        )
    monkeypatch.setattr(client, "exchanges", lambda: listed)
    assert bindings_by_exchange(client) is None
