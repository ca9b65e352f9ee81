"""What polls read of a broker's plugins and exchange types decides at every door, without a call to the broker."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from console.engine.supported import facts_of
from console.rabbitmq.cluster import running_plugins
from console.rabbitmq.types import Listing, Node
from vhosts.polling.outcomes import _MOST_NAMES, _names

pytestmark = pytest.mark.django_db

FEDERATED = {
    "vhost": "/",
    "name": "p",
    "pattern": "^x",
    "definition": {"federation-upstream-set": "all"},
}


def polled(broker: Any, **columns: Any) -> Any:
    """The broker as if it had been polled just now, unless `columns` say otherwise."""
    columns = {"vitals_at": timezone.now(), "rabbitmq_version": "3.10.8", **columns}
    for name, value in columns.items():
        setattr(broker.status, name, value)
    broker.status.save(update_fields=list(columns))
    return broker


def dry_run(api: Any, broker: Any) -> Any:
    return api.post("/api/v1/policies/?dry_run=true", {"broker": broker.pk, **FEDERATED})


def test_a_poll_reads_them(make_broker, poll_now, live_broker):
    status = poll_now(make_broker())
    assert {"direct", "fanout", "headers", "topic"} <= set(status.exchange_types)
    types = live_broker.call("GET", "overview")["exchange_types"]
    assert status.exchange_types == sorted(row["name"] for row in types)
    # Needed by another plugin, so nobody enabled it by name.
    assert {"rabbitmq_management", "rabbitmq_management_agent"} <= set(status.plugins)
    assert not {"rabbit", "kernel", "rabbitmq_prelaunch"} & set(status.plugins)


def test_a_plugin_that_does_not_run_is_an_objection_before(api, broker_row):
    broker = polled(broker_row(), plugins=["rabbitmq_management"], exchange_types=["direct"])
    answer = dry_run(api, broker)
    assert answer.status_code == 400
    told = answer.json()["errors"][0]
    assert "the plugin rabbitmq_federation isn't enabled there (as polled at " in told["detail"]
    polled(broker, plugins=["rabbitmq_federation", "rabbitmq_management"])
    assert dry_run(api, broker).status_code == 200


@pytest.mark.parametrize(
    "unknown",
    [
        {"plugins": None},
        {"vitals_at": timezone.now() - timedelta(hours=1)},
        {"vitals_at": None},
        {"failures": 1},
    ],
)
def test_what_is_not_known_or_too_old_refuses_nothing(api, broker_row, unknown):
    broker = polled(broker_row(), **{"plugins": ["rabbitmq_management"], **unknown})
    assert facts_of(broker).plugins is None
    assert dry_run(api, broker).status_code == 200


def test_the_form_says_it_too(client, superuser, broker_row):
    broker = polled(broker_row(), plugins=["rabbitmq_management"], state="reachable")
    client.force_login(superuser)
    form = {
        "broker": broker.pk, "vhost": "/", "name": "p", "pattern": "^x", "apply_to": "all", "priority": "0",
        "definition": "federation-upstream-set = all", "step": "preview",
    }  # fmt: skip
    page = client.post(f"/policies/new/?broker={broker.pk}", form).content.decode()
    assert "the plugin rabbitmq_federation isn" in page


def test_page_and_api_show_them_and_say_when_they_are_unknown(api, client, superuser, broker_row):
    broker = broker_row()
    client.force_login(superuser)
    address = reverse("broker", args=[broker.pk])

    def vitals() -> Any:
        return api.get(f"/api/v1/brokers/{broker.pk}/").json()["status"]["vitals"]

    assert (vitals()["plugins"], vitals()["exchange_types"]) == (None, None)
    before = client.get(address).content.decode()
    assert 'Plugins</dt><dd><span class="unknown"' in before
    assert 'Exchange types</dt><dd><span class="unknown"' in before
    polled(broker, plugins=["rabbitmq_shovel"], exchange_types=["direct", "x-<b>"])
    assert vitals()["plugins"] == ["rabbitmq_shovel"]
    page = client.get(address).content.decode()
    assert "1 on every running node" in page
    assert "rabbitmq_shovel" in page
    assert "x-&lt;b&gt;" in page


def node(name: str, plugins: tuple[str, ...] | None, *, running: bool = True) -> Node:
    return Node(name, running, running_plugins=plugins)


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([node("a", ("x", "y")), node("b", ("y",))], {"y"}),
        ([node("a", ("x", "y")), node("b", None, running=False)], {"x", "y"}),
        ([node("a", ("x",)), node("b", None)], None),
        ([node("a", None, running=False)], None),
        ([], None),
    ],
)
def test_a_plugin_counts_where_every_running_node_has_it(nodes, expected):
    assert running_plugins(Listing(nodes)) == expected
    assert running_plugins(None) is None


def test_more_names_than_a_broker_has_are_not_judged_by():
    assert _names(()) is None
    assert _names([f"x{number}" for number in range(_MOST_NAMES + 1)]) is None
    assert _names(["b\x00", "a"]) == ["a", "b\ufffd"]
