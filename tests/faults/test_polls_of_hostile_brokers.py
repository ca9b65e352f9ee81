"""A broker in trouble, or not a broker at all: a state and a sentence, never an exception."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.models import Broker, BrokerStatus
from tests.faults import hostile
from vhosts.models import KnownSpan, Poll, Queue, RecentSnapshot
from vhosts.polling.depths import collect

pytestmark = [pytest.mark.django_db, pytest.mark.faults]

OVERVIEW = {
    "rabbitmq_version": "3.13.7",
    "cluster_name": "fake",
    "node": "fake@a",
    "object_totals": {"queues": 2, "connections": 1},
    "listeners": [],
}
NODES = [{"name": "fake@a", "running": True}]
ALARMS = {"status": "ok"}
QUEUES = [
    {"vhost": "/", "name": "a", "messages_ready": 1, "messages_unacknowledged": 2, "messages": 3},
    {"vhost": "/", "name": "b", "messages_ready": 0, "messages_unacknowledged": 0, "messages": 0},
]


def says(value: object) -> hostile.Behaviour:
    return hostile.replies(json.dumps(value).encode())


def fake_broker(**parts: Any) -> hostile.Behaviour:
    """A broker that answers well, but for what `parts` say: overview, nodes, alarms, queues."""
    return hostile.by_path(
        {
            "/api/overview": parts.get("overview", says(OVERVIEW)),
            "/api/nodes": parts.get("nodes", says(NODES)),
            "/api/health/checks/alarms": parts.get("alarms", says(ALARMS)),
            "/api/queues": parts.get("queues", says(QUEUES)),
            "/api/vhosts": parts.get("vhosts", says([{"name": "/"}])),
            "/api/vhost-limits": says([]),
        }
    )


def shown(status: BrokerStatus) -> str:
    """The state on pages; the list of brokers judges it in SQL."""
    moment = datetime.now(UTC)
    said = status.shown_state(moment)
    assert Broker.objects.with_shown_state(moment).get(pk=status.pk).shown == said
    return said


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = collect.Timeouts(connect=0.5, read=0.7, total=1)
    monkeypatch.setattr("vhosts.polling.run.QUICK", quick)
    monkeypatch.setattr("vhosts.polling.depths.collect.SLOW", quick)


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(hostile.says_nothing(), id="hangs"),
        pytest.param(hostile.trickles_headers(), id="trickled headers"),
        pytest.param(hostile.trickles_body(), id="trickled body"),
        pytest.param(hostile.replies(b"<html>log in</html>", content_type="text/html"), id="html"),
        pytest.param(hostile.redirects("http://169.254.169.254/"), id="redirect"),
        pytest.param(hostile.replies(b"{"), id="broken json"),
        pytest.param(hostile.replies(b"[]"), id="a list for an object"),
        pytest.param(hostile.replies(b'{"rabbitmq_version": NaN}'), id="nan"),
        pytest.param(hostile.sends_gzip(10_000_000), id="gzip"),
        pytest.param(hostile.streams_for_ever(), id="endless"),
        pytest.param(hostile.cuts_after(b'{"rabbitmq', 5000), id="cut"),
        pytest.param(hostile.resets_after(b'{"rabbitmq', 5000), id="reset"),
        pytest.param(hostile.sends_raw(b"SSH-2.0-OpenSSH_9.2\r\n"), id="not http"),
        pytest.param(hostile.replies(b"", status="503 Service Unavailable"), id="503"),
    ],
)
def test_whatever_answers_ends_as_a_state_with_a_reason(behaviour, make_broker, poll_now) -> None:
    with hostile.HostileServer(behaviour) as server:
        broker = make_broker(management_url=server.url)
        status = poll_now(broker)
        assert status.state == "unreachable"
        assert status.error_code
        assert status.error_detail
        assert status.failures == 1
        assert status.claimed_until is None
        assert Poll.objects.get(broker=broker).error_code == status.error_code
        assert not KnownSpan.objects.filter(broker=broker).exists()


def test_nothing_listens(make_broker, poll_now) -> None:
    status = poll_now(make_broker(management_url="http://127.0.0.1:9"))
    assert (status.state, status.error_code) == ("unreachable", "connection_refused")


def test_an_address_that_is_forbidden_is_never_connected_to(make_broker, poll_now) -> None:
    status = poll_now(make_broker(management_url="http://169.254.169.254"))
    assert (status.state, status.error_code) == ("unreachable", "address_forbidden")


def test_a_broker_without_a_stored_password_is_not_asked(make_broker, poll_now) -> None:
    with hostile.HostileServer(fake_broker()) as server:
        broker = make_broker(management_url=server.url)
        type(broker).objects.filter(pk=broker.pk).update(password_encrypted="")
        status = poll_now(broker)
        assert status.state == "refused"
        assert "password" in status.error_detail
        assert server.requests == []


def test_a_broker_that_vanishes_during_a_poll_keeps_what_was_known(make_broker, poll_now) -> None:
    with hostile.HostileServer(fake_broker()) as server:
        broker = make_broker(management_url=server.url)
        assert poll_now(broker).state == "reachable"
        rows = RecentSnapshot.objects.count()
        span = KnownSpan.objects.get(broker=broker)
        server.behaviour = fake_broker(queues=hostile.resets_after(b'[{"vhost"', 9000))
        status = poll_now(broker)
        assert status.state == "reachable"
        assert status.part_errors["depths"]
        assert RecentSnapshot.objects.count() == rows
        server.behaviour = hostile.says_nothing()
        status = poll_now(broker)
        assert (status.state, status.failures) == ("reachable", 1)  # once may be nothing
        assert shown(status) == "failing"  # but it is said at once
        status = poll_now(broker)
        assert (status.state, status.failures) == ("unreachable", 2)
        assert shown(status) == "unreachable"
        assert sorted(Queue.objects.values_list("name", "total")) == [("a", 3), ("b", 0)]
        assert KnownSpan.objects.get(broker=broker).until_at == span.until_at
        server.behaviour = fake_broker()
        status = poll_now(broker)
        assert (status.state, status.failures, status.error_code) == ("reachable", 0, "")
        assert shown(status) == "reachable"
        assert RecentSnapshot.objects.count() == rows


def test_failures_are_retried_ever_more_slowly(make_broker, poll_now) -> None:
    broker = make_broker(management_url="http://127.0.0.1:9")
    waits = []
    for _ in range(6):
        status = poll_now(broker)
        waits.append(status.next_poll_at - status.attempted_at)
    assert waits[:4] == sorted(waits[:4])
    assert timedelta(seconds=50) < waits[-1] <= timedelta(seconds=67)


def test_a_refused_log_in_stops_the_knocking(make_broker, live_broker, scratch_user) -> None:
    """On the real broker, with a user of its own: counts what reaches it through dispatch alone."""
    from vhosts.polling import dispatch, run

    name, _ = scratch_user
    broker = make_broker(username=name, password="not the password")
    now = dispatch.database_now()
    attempts = 0
    for second in range(150):
        for due in dispatch.claim_due_polls(now + timedelta(seconds=second)):
            attempts += 1
            run.poll(due.broker_id, due.claim, now + timedelta(seconds=second))
        # The lease is of the database's clock, which this test runs ahead of.
        BrokerStatus.objects.filter(pk=broker.pk).update(claimed_until=None)
    status = BrokerStatus.objects.get(pk=broker.pk)
    assert (status.state, status.error_code) == ("refused", "login_refused")
    assert attempts == 2
    broker_now = BrokerStatus.objects.filter(pk=broker.pk)
    broker_now.update(failures=30, next_poll_at=now)
    [due] = dispatch.claim_due_polls(now)
    run.poll(due.broker_id, due.claim, now)
    wait = broker_now.get().next_poll_at - now
    assert timedelta(minutes=13) < wait < timedelta(minutes=17)


def test_odd_rows_cost_themselves_and_no_other(make_broker, poll_now) -> None:
    odd = [
        {"vhost": "/", "name": "nul\x00here", "messages_ready": 1},
        {"vhost": "/", "name": "x" * 3000, "messages_ready": 1, "messages_unacknowledged": 0},
        {"vhost": "/", "name": "absurd", "messages_ready": 2**63, "messages_unacknowledged": 0},
        {"vhost": "/", "name": "float", "messages_ready": 1.5, "messages_unacknowledged": 0},
        {"vhost": "/", "name": None, "messages_ready": 1},
        "not even an object",
        {"vhost": "/", "name": "unknown"},
    ]
    with hostile.HostileServer(fake_broker(queues=says(QUEUES + odd))) as server:
        broker = make_broker(management_url=server.url)
        status = poll_now(broker)
    assert status.state == "reachable"
    rows = dict(Queue.objects.values_list("name", "total"))
    assert (rows["a"], rows["b"], rows["unknown"]) == (3, 0, None)
    assert not {"absurd", "nul\x00here", "x" * 3000} & rows.keys()
    poll = Poll.objects.get(broker=broker)
    assert poll.rejected >= 5
    assert 1 <= len(poll.rejected_samples) <= 5
    assert all("\x00" not in sample["reason"] for sample in poll.rejected_samples)


def test_one_part_that_fails_is_said_and_the_rest_is_kept(make_broker, poll_now) -> None:
    broken = fake_broker(nodes=hostile.replies(b"{"), alarms=hostile.replies(b"", status="500 x"))
    with hostile.HostileServer(broken) as server:
        status = poll_now(make_broker(management_url=server.url))
    assert status.state == "reachable"
    assert {"nodes", "alarms"} <= status.part_errors.keys()
    assert status.alarms is None
    assert status.queues == 2


def test_alarms_are_told_although_they_come_as_a_503(make_broker, poll_now) -> None:
    body = {
        "status": "failed",
        "reason": "resource alarm(s) in effect",
        "alarms": [{"node": "fake@a", "resource": "memory"}],
    }
    alarm = hostile.replies(json.dumps(body).encode(), status="503 Service Unavailable")
    with hostile.HostileServer(fake_broker(alarms=alarm)) as server:
        status = poll_now(make_broker(management_url=server.url))
    assert status.state == "reachable"
    assert status.alarms == ["memory on fake@a"]


def test_another_brokers_prometheus_port_is_noticed_and_left_alone(
    make_broker, poll_now, live_broker
) -> None:
    """A management port of one broker and the Prometheus port of another on one host, as with
    containers."""
    ports = {
        listener["protocol"]: listener["port"]
        for listener in live_broker.call("GET", "overview")["listeners"]
    }
    listener = {"node": "fake@a", "protocol": "http/prometheus", "port": ports["http/prometheus"]}
    overview = says({**OVERVIEW, "listeners": [listener]})
    with hostile.HostileServer(fake_broker(overview=overview)) as server:
        status = poll_now(make_broker(management_url=server.url))
    assert status.depths_source == "totals"
    assert "belongs to another node" in status.sources_off["prometheus"]["reason"]
    assert sorted(Queue.objects.values_list("name", flat=True)) == ["a", "b"]


def listing(count: int) -> list[dict[str, Any]]:
    return [{**QUEUES[0], "name": f"q{number}", "type": "classic"} for number in range(count)]


def test_a_mass_disappearance_is_believed_only_when_seen_twice(
    make_broker, poll_now, inventory_now
) -> None:
    with hostile.HostileServer(fake_broker(queues=says(listing(20)))) as server:
        broker = make_broker(management_url=server.url)
        status = poll_now(broker)
        at = status.answered_at
        inventory_now(broker, at)
        assert Queue.objects.present().count() == 20

        server.behaviour = fake_broker(queues=says(listing(10)))
        status = inventory_now(broker, at + timedelta(seconds=61))
        assert Queue.objects.present().count() == 20
        assert status.suspect["queues"]["missing"] == 10

        server.behaviour = fake_broker(queues=hostile.replies(b"{"))
        status = inventory_now(broker, at + timedelta(seconds=122))
        assert Queue.objects.present().count() == 20  # a listing that failed confirms nothing

        server.behaviour = fake_broker(queues=says(listing(10)))
        status = inventory_now(broker, at + timedelta(seconds=183))
        assert Queue.objects.present().count() == 10
        assert status.suspect == {}

        server.behaviour = fake_broker(queues=says(listing(9)))
        inventory_now(broker, at + timedelta(seconds=244))
        assert Queue.objects.present().count() == 9  # one of ten is no mass


B_IS_DOWN = [{"name": "fake@a", "running": True}, {"name": "fake@b", "running": False}]
B_IS_BACK = [{"name": "fake@a", "running": True}, {"name": "fake@b", "running": True}]
ON_A = {**QUEUES[0], "name": "on-a", "type": "classic", "state": "running", "node": "fake@a"}
ON_B = {**QUEUES[0], "name": "on-b", "type": "classic", "state": "running", "node": "fake@b"}
ODD = {**QUEUES[0], "name": "odd", "type": "replicated", "state": "running", "node": "fake@a"}


def present(broker: Any) -> dict[str, str]:
    """States of the queues that are not gone."""
    return dict(Queue.objects.present().filter(broker=broker).values_list("name", "state"))


@pytest.mark.parametrize(
    ("nodes", "left"),
    [
        # A listing that leaves out everything: of a running node that is believed, of a dead one not.
        pytest.param(says(B_IS_DOWN), {"on-b": "down", "odd": ""}, id="one is down"),
        pytest.param(
            hostile.replies(b"", status="500 Internal Server Error"),
            {"on-a": "running", "on-b": "running", "odd": "running"},
            id="not known which run",
        ),
        pytest.param(
            says([{"name": "fake@a", "running": True, "partitions": ["fake@b"]}, B_IS_BACK[1]]),
            {"on-a": "running", "on-b": "running", "odd": "running"},
            id="partitioned",
        ),
        pytest.param(says(B_IS_BACK), {}, id="all run"),
    ],
)
def test_no_queue_is_gone_that_a_dead_node_may_hold(
    nodes, left, make_broker, poll_now, inventory_now
) -> None:
    everything = says([ON_A, ON_B, ODD])
    with hostile.HostileServer(fake_broker(nodes=says(B_IS_BACK), queues=everything)) as server:
        broker = make_broker(management_url=server.url)
        at = poll_now(broker).answered_at
        inventory_now(broker, at)
        assert present(broker) == {"on-a": "running", "on-b": "running", "odd": "running"}

        server.behaviour = fake_broker(nodes=nodes, queues=says([]))
        for minutes in range(1, 4):
            moment = at + timedelta(minutes=minutes)
            poll_now(broker, moment)
            inventory_now(broker, moment)
        assert present(broker) == left
        assert not Queue.objects.filter(broker=broker, ready__isnull=False).exists()
        assert set(Queue.objects.values_list("last_ready", flat=True)) == {1}

        server.behaviour = fake_broker(nodes=says(B_IS_BACK), queues=says([ON_A, ON_B]))
        moment = at + timedelta(minutes=5)
        poll_now(broker, moment)
        inventory_now(broker, moment)
        assert present(broker) == {"on-a": "running", "on-b": "running"}
        assert Queue.objects.get(name="on-b").ready == 1


def test_in_a_partition_no_object_is_dropped(make_broker, poll_now, inventory_now) -> None:
    from vhosts.models import VirtualHost

    both = says([{"name": "/"}, {"name": "other-side"}])
    with hostile.HostileServer(fake_broker(nodes=says(B_IS_BACK), vhosts=both)) as server:
        broker = make_broker(management_url=server.url)
        at = poll_now(broker).answered_at
        inventory_now(broker, at)
        parted = [{"name": "fake@a", "running": True, "partitions": ["fake@b"]}, B_IS_BACK[1]]
        server.behaviour = fake_broker(nodes=says(parted))
        inventory_now(broker, at + timedelta(minutes=1))
        assert VirtualHost.objects.filter(broker=broker).count() == 2
        server.behaviour = fake_broker(nodes=says(B_IS_DOWN))
        inventory_now(broker, at + timedelta(minutes=2))
        assert VirtualHost.objects.filter(broker=broker).count() == 1


@pytest.mark.parametrize("host", ["169.254.169.254", "0xa9fea9fe", "100.100.100.200"])
def test_a_broker_cannot_send_us_to_an_address_that_is_forbidden(
    host, make_broker, poll_now
) -> None:
    names = ["fake@a", f"fake@{host}"]
    overview = {
        **OVERVIEW,
        "listeners": [
            {"node": name, "protocol": "http/prometheus", "ip_address": "::", "port": 80}
            for name in names
        ],
    }
    nodes = [{"name": name, "running": True} for name in names]
    fake = fake_broker(overview=says(overview), nodes=says(nodes))
    with hostile.HostileServer(fake) as server:
        status = poll_now(make_broker(management_url=server.url))
    assert status.depths_source == "totals"
    assert "prometheus" in status.sources_off
    assert sorted(Queue.objects.values_list("name", flat=True)) == ["a", "b"]


def test_a_part_that_may_not_be_read_is_said_and_not_emptied(
    make_broker, live_broker, scratch_user, poll_now, inventory_now
) -> None:
    from accessctl.models import BrokerUser

    name, password = scratch_user
    broker = make_broker(username=name, password=password)
    poll_now(broker)
    inventory_now(broker)
    known = BrokerUser.objects.filter(broker=broker).count()
    assert known >= 2
    live_broker.call("PUT", "users", name, body={"password": password, "tags": "monitoring"})
    status = inventory_now(broker)
    assert "users" in status.part_errors
    assert "it has no permission there" in status.part_errors["queues"]
    assert BrokerUser.objects.filter(broker=broker).count() == known
