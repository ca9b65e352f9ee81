"""States of brokers that answer and of which something is not as it should be, from stored facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from console.models import Broker, BrokerStatus
from console.models.broker_states import SHOWN_STATES
from tests.console import fleet
from tests.console.test_pages_fleet import TABLE, row_of, text_of

pytestmark = pytest.mark.django_db


def now() -> datetime:
    return datetime.now(UTC)


def node(name: str, **facts: Any) -> dict[str, Any]:
    return {"name": name, "running": True, "partitions": [], "being_drained": False, **facts}


IMPAIRED: dict[str, dict[str, Any]] = {
    "partitioned": {"nodes": [node("rabbit@a", partitions=["rabbit@b"]), node("rabbit@b")]},
    "node_down": {"nodes": [node("rabbit@a"), node("rabbit@b", running=False)]},
    "draining": {"nodes": [node("rabbit@a", being_drained=True), node("rabbit@b")]},
    "restricted": {"part_errors": {"rights": "RabbitMQ lists none of its queues."}},
    "slow": {"answer_ms": 4_000, "poll_took_ms": 16_000},
}
SAID = {
    "partitioned": ("Partitioned", "rabbit@a doesn&#x27;t see rabbit@b"),
    "node_down": ("Node down", "Node rabbit@b is down."),
    "draining": ("Draining", "Node rabbit@a is in maintenance mode"),
    "restricted": ("Restricted", "RabbitMQ lists none of its queues."),
    "slow": ("Slow", "It answers in 4.0 s"),
}


@pytest.mark.parametrize("state", IMPAIRED)
def test_an_impaired_broker_has_a_state_of_its_own_everywhere(
    admin_client: Client, api: Any, settings: Any, state: str
) -> None:
    settings.METRICS_OPEN = True
    broker = fleet.make("orders", now(), **IMPAIRED[state])
    word, sentence = SAID[state]
    page = text_of(admin_client.get(TABLE))
    assert word in row_of(page, broker)
    assert sentence in page
    assert sentence in text_of(admin_client.get(f"/brokers/{broker.pk}/"))
    assert f"broker-{broker.pk}" in text_of(admin_client.get(f"/?state={state}"))
    assert f"broker-{broker.pk}" not in text_of(admin_client.get("/?state=reachable"))
    assert api.get(f"/api/v1/brokers/{broker.pk}/").json()["status"]["state"] == state
    metrics = text_of(admin_client.get("/metrics"))
    assert f'environment="staging",state="{state}"}} 1.0' in metrics
    assert 'environment="staging",state="reachable"} 0.0' in metrics


@pytest.mark.parametrize(
    ("state", "troubled"),
    [("partitioned", 1), ("node_down", 1), ("restricted", 1), ("draining", 0), ("slow", 0)],
)
def test_who_must_act_is_counted_as_in_trouble(
    admin_client: Client, state: str, troubled: int
) -> None:
    fleet.make("orders", now(), **IMPAIRED[state])
    page = text_of(admin_client.get(TABLE))
    assert ("none unreachable or impaired" in page) == (troubled == 0)
    assert ("1 unreachable or impaired" in page) == (troubled == 1)
    assert Broker.objects.in_trouble(now()).count() == troubled


def test_sql_and_python_judge_alike() -> None:
    moment = now()
    brokers = [
        *fleet.make_all_states(moment).values(),
        *(fleet.make(state, moment, **facts) for state, facts in IMPAIRED.items()),
        fleet.make("lost and failing", moment, failures=1, **IMPAIRED["node_down"]),
        fleet.make("odd nodes", moment, nodes=[]),
        fleet.make("slow and old", moment, age=60, **IMPAIRED["slow"]),
        fleet.make("quick and old", moment, age=60),
    ]
    for broker in Broker.objects.with_shown_state(moment).select_related("status"):
        assert broker.shown == broker.status.shown_state(moment), broker.name
        assert broker.shown in SHOWN_STATES
    assert Broker.objects.count() == len(brokers)


def test_a_node_says_what_is_wrong_with_it(admin_client: Client) -> None:
    nodes = [node("rabbit@a", being_drained=True), node("rabbit@b", running=False)]
    broker = fleet.make("orders", now(), nodes=nodes)
    page = text_of(admin_client.get(f"/brokers/{broker.pk}/"))
    rows = page.split('<tr id="node-')[1:]
    assert "Draining" in rows[0]
    assert "Down" in rows[1]


def test_a_broker_whose_polls_take_long_is_not_stale_between_them() -> None:
    """4 s a request: a poll takes 16 s, so that figures are up to 32 s old just before the next ones."""
    moment = now()
    broker = fleet.make("slow", moment, age=33, **IMPAIRED["slow"])
    assert broker.status.shown_state(moment) == "slow"
    assert not broker.status.is_stale(broker.status.depths_at, moment)
    BrokerStatus.objects.update(answered_at=moment - timedelta(seconds=60))
    broker.status.refresh_from_db()
    assert broker.status.shown_state(moment) == "stale"


@pytest.mark.parametrize("state", ["unreachable", "refused", "stale", "disabled"])
def test_nothing_is_shown_as_last_said_where_nothing_was(admin_client: Client, state: str) -> None:
    moment = now()
    facts: dict[str, Any] = {"state": state}
    if state == "stale":
        facts = {"state": "new", "state_since": moment - timedelta(hours=1)}
    elif state == "disabled":
        facts = {"state": "new", "enabled": False}
    broker = fleet.make("never", moment, age=None, **facts)
    for path in (f"/queues/?broker={broker.pk}", f"/brokers/{broker.pk}/"):
        page = text_of(admin_client.get(path))
        assert "What you see is what it last said" not in page
        assert "What you see below" not in page
        assert "What you see is what was last read" not in page
    assert "there are no figures" in text_of(admin_client.get(f"/queues/?broker={broker.pk}"))
