"""The map of a virtual host: what is on it, from where, and who may see it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from console.models import Broker
from tests.accessctl.cast import make_cast
from tests.engine import names  # noqa: F401
from tests.factories import HOSTILE, add_broker, add_queue, add_vhost
from tests.vhosts.test_references import bind, exchange, policy
from vhosts.models import Binding, Exchange, Queue
from vhosts.topology import graph as graphs
from vhosts.topology.graph import Graph, Start, graph_of

pytestmark = pytest.mark.django_db
VHOST = "/"


@pytest.fixture
def broker(now: datetime) -> Broker:
    found = add_broker("one", now)
    add_vhost(found, VHOST, now)
    return Broker.objects.select_related("status").get(pk=found.pk)


@pytest.fixture
def browser(client: Any, superuser: Any) -> Any:
    client.force_login(superuser)
    return client


@pytest.fixture
def orders(broker: Broker, now: datetime) -> Broker:
    """orders.topic to two queues; one dead-letters to orders.dlx, orders.topic has an alternate."""
    exchange(broker, "amq.topic", now, type="topic")
    exchange(broker, "amq.fanout", now)
    exchange(broker, "orders.topic", now, type="topic", arguments={"alternate-exchange": "gone.ae"})
    exchange(broker, "orders.dlx", now)
    add_queue(broker, "orders.eu", now, policy="dlx", total=7)
    add_queue(broker, "orders.us", now, state="down", ready=None, unacked=None, total=None)
    add_queue(broker, "orders.dead", now)
    add_queue(broker, "alone", now)
    policy(broker, "dlx", now, dead_letter_exchange="orders.dlx", dead_letter_routing_key="from.eu")
    bind(broker, "orders.topic", "orders.eu", now, "eu.#")
    bind(broker, "orders.topic", "orders.eu", now, "at.#")
    bind(broker, "orders.topic", "orders.us", now, "us.#")
    bind(broker, "orders.dlx", "orders.dead", now)
    bind(broker, "amq.topic", "orders.us", now, "#")
    return broker


def edges(graph: Graph) -> set[tuple[str, str, str]]:
    return {(edge.start[1], edge.what, edge.end[1]) for edge in graph.edges}


def placed(graph: Graph) -> set[str]:
    return {node.name for node in graph.nodes}


def test_everything_of_a_small_virtual_host_is_on_the_map(orders: Broker) -> None:
    found = graph_of(orders, VHOST, Start())
    assert edges(found) == {
        ("orders.topic", "binding", "orders.eu"),
        ("orders.topic", "binding", "orders.us"),
        ("orders.dlx", "binding", "orders.dead"),
        ("amq.topic", "binding", "orders.us"),
        ("orders.eu", "dead_letter", "orders.dlx"),
        ("orders.topic", "alternate", "gone.ae"),
    }
    # Of the exchanges that every virtual host has, those with bindings; and what doesn't exist.
    assert placed(found) == {
        "orders.topic", "orders.dlx", "amq.topic", "gone.ae",
        "orders.eu", "orders.us", "orders.dead", "alone",
    }  # fmt: skip
    assert [node.name for node in found.nodes if node.row is None] == ["gone.ae"]
    (both,) = [edge for edge in found.edges if edge.end[1] == "orders.eu"]
    assert (both.count, both.keys) == (2, ["at.#", "eu.#"])
    (dead,) = [edge for edge in found.edges if edge.what == "dead_letter"]
    assert (dead.source, dead.keys) == ("policy dlx", ["from.eu"])


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (1, {"orders.dlx", "orders.eu", "orders.dead"}),
        (2, {"orders.dlx", "orders.eu", "orders.dead", "orders.topic"}),
        (3, {"orders.dlx", "orders.eu", "orders.dead", "orders.topic", "orders.us", "gone.ae"}),
    ],
)
def test_steps_from_an_object_follow_every_kind_of_line_both_ways(
    orders: Broker, steps: int, expected: set[str]
) -> None:
    found = graph_of(orders, VHOST, Start(("exchange", "orders.dlx"), steps=steps))
    assert placed(found) == expected


def test_a_dead_letter_through_the_default_exchange_leads_to_the_queue(
    broker: Broker, now: datetime
) -> None:
    to = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "later"}
    add_queue(broker, "first", now, arguments=to)
    add_queue(broker, "back", now, arguments={"x-dead-letter-exchange": ""})
    add_queue(broker, "later", now)
    assert edges(graph_of(broker, VHOST, Start())) == {("first", "dead_letter", "later")}
    found = graph_of(broker, VHOST, Start(("queue", "later"), steps=1))
    assert placed(found) == {"first", "later"}


def test_too_many_objects_ask_for_a_start(
    orders: Broker, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphs, "MOST", 5)
    found = graph_of(orders, VHOST, Start())
    assert found.too_many
    assert found.total == 6
    assert not found.nodes
    text = browser.get(f"/topology/?broker={orders.pk}&vhost=/").content.decode()
    assert "objects: choose one to start from" in text
    assert f"?broker={orders.pk}&amp;vhost=%2F&amp;exchange=orders.topic&amp;depth=1" in text
    around = graph_of(orders, VHOST, Start(("exchange", "orders.topic"), steps=4))
    assert len(around.nodes) == 5
    assert around.cut
    assert placed(graph_of(orders, VHOST, Start(prefix="orders.d", steps=1))) == {
        "orders.dlx", "orders.dead", "orders.eu",
    }  # fmt: skip


def test_the_page_the_table_and_the_data_say_the_same(orders: Broker, browser: Any) -> None:
    answer = browser.get(f"/topology/?broker={orders.pk}&vhost=/")
    text = answer.content.decode()
    data = browser.get(f"/topology.json?broker={orders.pk}&vhost=/").json()
    embedded = text.partition('id="map-data" type="application/json">')[2].partition("</script>")[0]
    assert json.loads(embedded) == data
    by_name = {one["label"]: one for one in data["nodes"]}
    assert by_name["orders.eu"]["depth"] == "7"
    assert by_name["orders.us"]["depth"] == "—"
    assert by_name["orders.us"]["state"] == {"word": "Down", "tone": "bad"}
    assert by_name["gone.ae"]["state"] == {"word": "Missing", "tone": "bad"}
    assert by_name["orders.eu"]["url"].startswith("/queues/")
    for one in data["nodes"]:
        assert one["label"] in text
    for edge in data["edges"]:
        assert edge["title"] in text
    assert "dead letters with key from.eu, set by policy dlx" in text
    assert "2 bindings: at.#, eu.#" in text


def test_an_answer_is_304_until_a_poll_changes_something(orders: Broker, browser: Any) -> None:
    address = f"/topology.json?broker={orders.pk}&vhost=/"
    first = browser.get(address, headers={"HX-Request": "true"})
    again = {"HX-Request": "true", "If-None-Match": first["ETag"]}
    assert browser.get(address, headers=again).status_code == 304
    Queue.objects.filter(name="orders.eu").update(total=8)
    orders.status.save()
    after = browser.get(address, headers=again)
    assert after.status_code == 200
    # The shape is the same: the map isn't laid out again.
    assert after.json()["shape"] == first.json()["shape"]
    assert after.json() != first.json()


@pytest.mark.parametrize("focused", [False, True])
def test_the_number_of_queries_is_constant(
    browser: Any, orders: Broker, now: datetime, focused: bool
) -> None:
    address = f"/topology.json?broker={orders.pk}&vhost=/"
    if focused:
        address += "&exchange=orders.topic&depth=2"

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(address).status_code == 200
        return len(queries)

    cost()
    one = cost()
    for number in range(30):
        add_queue(orders, f"more{number}", now, arguments={"x-dead-letter-exchange": "orders.dlx"})
        exchange(orders, f"x{number}", now, policy="dlx")
        bind(orders, "orders.topic", f"more{number}", now, "more")
        bind(orders, f"x{number}", f"more{number}", now)
    assert cost() == one <= 30


def test_names_that_hurt_are_shown_and_nothing_else(
    broker: Broker, browser: Any, now: datetime
) -> None:
    for name in HOSTILE:
        exchange(broker, name, now, type=name[:40])
        add_queue(broker, name, now, arguments={"x-dead-letter-exchange": name})
        bind(broker, name, name, now, name)
    whole = browser.get(f"/topology/?broker={broker.pk}&vhost=/")
    assert whole.status_code == 200
    text = whole.content.decode()
    for markup in ("<img src=x", "<svg/onload", "<script>alert", "\u202e", "{{7*7}}49"):
        assert markup not in text
    for name in HOSTILE:
        for kind in ("exchange", "queue"):
            query = urlencode({"broker": broker.pk, "vhost": VHOST, kind: name})
            answer = browser.get(f"/topology/?{query}")
            assert answer.status_code == 200, name
            assert answer.context["focus"].name == name


@pytest.mark.parametrize(
    "query",
    ["depth=0", "depth=9", "depth=x", "exchange=%00", f"queue={'x' * 256}", f"prefix={'é' * 200}"],
)
def test_a_bad_request_is_told(orders: Broker, browser: Any, query: str) -> None:
    address = f"broker={orders.pk}&vhost=/&{query}"
    assert browser.get(f"/topology/?{address}").status_code == 400
    assert browser.get(f"/topology.json?{address}").status_code == 400


def test_an_object_that_does_not_exist_is_told(orders: Broker, browser: Any) -> None:
    answer = browser.get(f"/topology/?broker={orders.pk}&vhost=/&queue=nothing")
    assert answer.status_code == 200
    assert answer.context["graph"].absent
    assert "No queue nothing was found" in answer.content.decode()
    missing = browser.get(f"/topology/?broker={orders.pk}&vhost=/&exchange=gone.ae")
    assert not missing.context["graph"].absent


def test_a_virtual_host_is_selected_first(broker: Broker, browser: Any, now: datetime) -> None:
    answer = browser.get(f"/topology/?broker={broker.pk}")
    assert answer.status_code == 302
    assert answer["Location"] == f"/topology/?broker={broker.pk}&vhost=%2F"
    add_vhost(broker, "<b>two</b>", now)
    text = browser.get(f"/topology/?broker={broker.pk}").content.decode()
    assert "Select a virtual host" in text
    assert "vhost=%3Cb%3Etwo" in text
    assert browser.get(f"/topology.json?broker={broker.pk}").status_code == 400


def test_only_who_may_view_queues_there_sees_the_map(client: Any) -> None:
    """What is hidden is answered as what isn't there."""
    cast = make_cast()
    client.force_login(cast.vera)
    for page in ("/topology/", "/topology.json"):
        assert client.get(f"{page}?broker={cast.a.pk}&vhost=/team-red").status_code == 200
        hidden = client.get(f"{page}?broker={cast.a.pk}&vhost=/")
        nowhere = client.get(f"{page}?broker={cast.a.pk}&vhost=/nowhere")
        assert hidden.status_code == nowhere.status_code == 403
        assert client.get(f"{page}?broker={cast.b.pk}&vhost=/team-red").status_code == 404
    text = client.get(f"/topology/?broker={cast.a.pk}").content.decode()
    assert "team-red" in text
    assert "vhost=%2F&" not in text


def test_the_map_of_a_live_virtual_host(
    browser: Any, make_broker: Any, names: Any, live_broker: Any, poll_now: Any, inventory_now: Any  # noqa: F811
) -> None:  # fmt: skip
    """AC-059: as declared on a broker, by way of the inventory."""
    vhost = names("vhost")
    live_broker.call("PUT", "vhosts", vhost, body={})
    full = {"configure": ".*", "write": ".*", "read": ".*"}
    live_broker.call("PUT", "permissions", vhost, live_broker.username, body=full)
    for name, arguments in (("x", {"alternate-exchange": "rest"}), ("rest", {}), ("dlx", {})):
        body = {"type": "topic", "durable": True, "arguments": arguments}
        live_broker.call("PUT", "exchanges", vhost, name, body=body)
    for name in ("q", "dead"):
        live_broker.call("PUT", "queues", vhost, name, body={"durable": True})
    definition = {"dead-letter-exchange": "dlx"}
    live_broker.call(
        "PUT", "policies", vhost, "p",
        body={"pattern": "^q$", "apply-to": "queues", "definition": definition},
    )  # fmt: skip
    for source, letter, to in (("x", "q", "q"), ("dlx", "q", "dead"), ("x", "e", "dlx")):
        live_broker.call(
            "POST", "bindings", vhost, "e", source, letter, to,
            body={"routing_key": "k", "arguments": {}},
        )  # fmt: skip
    broker = make_broker()
    poll_now(broker)
    inventory_now(broker)
    found = graph_of(broker, vhost, Start())
    assert edges(found) == {
        ("x", "binding", "q"), ("x", "binding", "dlx"), ("dlx", "binding", "dead"),
        ("x", "alternate", "rest"), ("q", "dead_letter", "dlx"),
    }  # fmt: skip
    assert browser.get(f"/topology/?broker={broker.pk}&vhost={vhost}").status_code == 200
    assert Binding.objects.filter(broker=broker, vhost=vhost).count() == 3
    assert Exchange.objects.filter(broker=broker, vhost=vhost, name="dlx").exists()
