"""What needs attention: by harm, with its cause, within the person's rights, many alike as one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.faces.attention import SOURCES, AttentionItem, Harm, register_attention
from console.models import Broker, Change, ManagedObject, Step
from console.pages.attention.collect import collect
from tests.console import fleet
from vhosts.models import Queue

pytestmark = pytest.mark.django_db


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def root() -> Any:
    return get_user_model().objects.create_superuser("root", password="x")


@pytest.fixture(autouse=True)
def _own_sources_only() -> Iterator[None]:
    kept = dict(SOURCES)
    SOURCES.clear()
    SOURCES["queues"] = kept["queues"]
    yield
    SOURCES.clear()
    SOURCES.update(kept)


def found(user: Any) -> list[AttentionItem]:
    at = now()
    brokers = list(Broker.objects.select_related("status").with_shown_state(at))
    return collect(user, brokers, at).items


def said(user: Any) -> list[str]:
    return [f"{one.subject} {one.sentence}" for one in found(user)]


def queue(broker: Broker, name: str, **given: Any) -> Queue:
    columns = {"state": "running", "ready": 0, "consumers": 1, **given}
    return Queue.objects.create(
        broker=broker, vhost=columns.pop("vhost", "/"), name=name, first_seen_at=now(), **columns
    )


def test_harm_comes_first_and_each_item_says_why(root: Any) -> None:
    fleet.make("dead", now(), state="unreachable", error_detail="Nothing listens there.")
    fleet.make("blocked", now(), alarms=["memory alarm on rabbit@a"])
    nodes = [{"name": "rabbit@a", "running": True}, {"name": "rabbit@b", "running": False}]
    fleet.make("halved", now(), nodes=nodes)
    items = found(root)
    assert [(one.harm, one.subject) for one in items] == [
        (Harm.STOPPED, "blocked"),
        (Harm.WILL_BREAK, "halved"),
        (Harm.NOT_KNOWN, "dead"),
    ]
    assert "memory alarm on rabbit@a" in items[0].sentence
    assert items[1].sentence == "runs 1 of 2 nodes."
    assert "rabbit@b" in items[1].cause
    assert "Nothing listens there." in items[2].cause
    assert all(one.act and one.url for one in items)


def test_a_healthy_fleet_needs_nothing(root: Any, admin_client: Client) -> None:
    queue(fleet.make("fine", now()), "orders", ready=3, consumers=2)
    assert found(root) == []
    assert "Nothing needs attention" in admin_client.get("/").content.decode()


def test_old_alarms_are_not_shown_as_current(root: Any) -> None:
    fleet.make("gone", now(), state="refused", age=7200, alarms=["memory alarm on rabbit@a"])
    assert [one.harm for one in found(root)] == [Harm.NOT_KNOWN]


def test_limits_that_are_near_are_named_before_they_are_reached(root: Any) -> None:
    near = {**fleet.VITALS["nodes"][0], "mem_used": 950_000_000, "disk_free": 60_000_000}
    fleet.make("tight", now(), nodes=[near])
    sentences = " ".join(said(root))
    assert "near the memory watermark" in sentences
    assert "near the disk limit" in sentences


def test_queues_are_named_by_their_condition(root: Any) -> None:
    broker = fleet.make("one", now())
    since = now() - timedelta(minutes=9)
    queue(
        broker,
        "grows",
        ready=1204,
        consumers=0,
        growth_5m=60,
        condition="no_consumers",
        condition_since=since,
    )
    queue(broker, "full", ready=9, condition="losing")
    queue(broker, "store", ready=9, consumers=0, condition="unconsumed")
    queue(broker, "fine", ready=9, condition="well")
    queue(broker, "unknown", ready=9, consumers=None)
    queue(broker, "gone", ready=9, condition="no_consumers", gone_at=now())
    queue(broker, "reply", ready=9, condition="no_consumers", noise=True)
    first, second = found(root)
    assert (first.harm, first.subject, first.sentence) == (
        Harm.LOST,
        "full",
        "is full and loses messages.",
    )
    assert (second.harm, second.sentence) == (
        Harm.STOPPED,
        "has 1,204 ready messages and no consumers.",
    )
    assert (second.cause, second.since) == ("It grew by 60 in 5 minutes.", since)


def test_many_alike_are_one_line_with_their_number(root: Any, admin_client: Client) -> None:
    for broker in (fleet.make("a", now()), fleet.make("b", now())):
        for number in range(40 if broker.name == "a" else 5):
            queue(broker, f"q{number}", ready=1 + number, consumers=0, condition="no_consumers")
    (item,) = found(root)
    assert f"{item.subject} {item.sentence}" == "45 queues have messages and no consumers."
    assert item.cause == "a (40), b (5)."
    page = admin_client.get("/").content.decode()
    assert page.count('class="att att-') == 1
    assert "40 problems" in re.sub(r"<[^>]+>", "", page)


def test_a_depth_that_is_unknown_is_not_said_to_be_0(root: Any) -> None:
    queue(fleet.make("one", now()), "orders", ready=None, condition="no_consumers")
    assert said(root) == ["orders has messages and no consumers."]


def test_minority_and_down_queues_are_stopped(root: Any) -> None:
    broker = fleet.make("one", now())
    queue(broker, "half", state="minority", condition="minority")
    queue(broker, "off", state="down", condition="down")
    assert {(one.harm, f"{one.subject} {one.sentence}") for one in found(root)} == {
        (Harm.STOPPED, "half has no majority of its members."),
        (Harm.STOPPED, "off is down."),
    }


def change(user: Any, broker: Broker, **given: Any) -> Change:
    made = Change.objects.create(
        **{"created_at": now() - timedelta(minutes=5), "author": user, "author_name": "root",
           "origin": "page", "title": "Create queue orders", **given}
    )  # fmt: skip
    target, _ = ManagedObject.objects.get_or_create(
        broker=broker, kind="vhost", key=["/"], defaults={"sync": "drifted", "drifted_since": now()}
    )
    Step.objects.create(
        change=made, ordinal=1, broker=broker, target=target, op="create", generation=1,
        permission="vhosts:create", next_at=now(),
    )  # fmt: skip
    return made


def test_changes_that_wait_or_failed_and_drift(root: Any) -> None:
    broker = fleet.make("one", now())
    change(root, broker, state="waiting", title="waits")
    change(root, broker, state="waiting", title="has just begun", created_at=now())
    change(root, broker, state="rejected", title="refused", finished_at=now())
    change(root, broker, state="unknown", title="lost", finished_at=now())
    change(root, broker, state="rejected", title="old", finished_at=now() - timedelta(days=2))
    change(root, broker, state="done", title="done", finished_at=now())
    assert sorted(said(root)) == [
        "lost has an unknown outcome.",
        "one has 1 object that differs from its desired state.",
        "refused was rejected.",
        "waits waits for a broker.",
    ]


def test_nobody_sees_more_here_than_elsewhere(root: Any) -> None:
    """AC-90: a tenant sees the conditions of its own virtual hosts, and not even the number of others."""
    broker = fleet.make("shared", now())
    queue(broker, "mine", vhost="team-a", ready=5, consumers=0, condition="no_consumers")
    for number in range(9):
        queue(
            broker,
            f"theirs-{number}",
            vhost="team-b",
            ready=50,
            consumers=0,
            condition="no_consumers",
        )
    change(root, broker, state="rejected", title="theirs", finished_at=now())
    tenant = get_user_model().objects.create_user("tenant", password="x")
    Grant.objects.create(
        user=tenant, role=Role.VIEWER, broker=broker, vhost_pattern="team-a", created_at=now()
    )
    assert said(tenant) == ["mine has 5 ready messages and no consumers."]


def test_an_app_gives_a_source_and_one_with_a_bug_costs_only_itself(
    root: Any, admin_client: Client
) -> None:
    broker = fleet.make("one", now())
    url = f"/brokers/{broker.pk}/"
    register_attention(
        "alerts", lambda user, brokers, at: [AttentionItem(Harm.LOST, "orders", url, "drops messages.", broker=broker)]
    )  # fmt: skip

    def broken(user: Any, brokers: Any, at: datetime) -> list[AttentionItem]:
        raise ZeroDivisionError

    register_attention("forecasts", broken)
    assert said(root) == ["orders drops messages."]
    page = admin_client.get("/").content.decode()
    assert "Messages are lost" in page
    assert "Not everything could be checked: forecasts." in page


def test_the_cost_does_not_grow(root: Any, admin_client: Client) -> None:
    counts = []
    for number in (1, 20):
        for one in range(number):
            broker = fleet.make(f"{number} {one}", now(), alarms=["an alarm"])
            queue(broker, "q", ready=1, consumers=0, condition="no_consumers")
            change(root, broker, state="waiting")
        admin_client.get("/?view=tiles")
        with CaptureQueriesContext(connection) as caught:
            admin_client.get("/?view=tiles")
        counts.append(len(caught))
    assert counts[0] == counts[1]
