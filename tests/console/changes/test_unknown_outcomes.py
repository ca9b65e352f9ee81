"""Attempts whose outcome is not known, and refusals after them: nothing that the broker did is called
rejected, and nothing is forgotten that another attempt needs."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from celery import signals

from console.engine import lease, stopping
from console.engine.applying import apply as applying
from console.engine.ports import AUTHORIZE
from console.engine.proposals.retry import KEPT_FOR, RETRIED, NothingLeft, ask_again, forget_secrets
from console.kinds.common.kind import Ref
from console.models import Attempt, BrokerLease, Step
from console.rabbitmq.endpoint import Timeouts
from tests.console.changes.test_crashes import HASH, reach_by
from tests.engine import utc_now
from tests.faults.gate import Gate
from tests.faults.minority import Minority

pytestmark = [pytest.mark.django_db, pytest.mark.faults]
REFUSED = "user_already_exists"
USERS = "/api/users"


@pytest.fixture
def cluster(engine, live_broker):
    with Minority(live_broker.url, stale=USERS) as cluster:
        reach_by(engine, cluster.url)
        yield cluster


@pytest.fixture
def lost_three_times(engine, cluster, names):
    """(name, change) of a user whose creation was sent three times, without an answer."""
    name = names("user")
    change = engine.ask(("user", [name], {"tags": ["monitoring"]}, HASH))
    for _ in range(3):
        engine.hurry()
        engine.apply()
    assert outcomes() == ["unknown"] * 3
    assert [status for *_, status in cluster.writes] == [0] * 3
    return name, change


def outcomes():
    return list(Attempt.objects.order_by("number").values_list("outcome", flat=True))


def again(engine, change):
    engine.hurry()
    engine.apply()
    change.refresh_from_db()
    return change.state


def test_a_refusal_of_what_was_done_meanwhile_is_no_refusal(
    engine, cluster, lost_three_times, live_broker, seen
):
    name, change = lost_three_times
    cluster.refuse(400, REFUSED, then=cluster.heal)
    assert again(engine, change) == "done"
    assert seen("users", name)["password_hash"] == HASH["password_hash"]
    assert engine.target("user", name).sync == "in_sync"


def test_a_refusal_is_asked_for_once_more_where_the_read_back_shows_nothing_yet(
    engine, cluster, lost_three_times, seen
):
    name, change = lost_three_times
    cluster.refuse(400, REFUSED)
    assert again(engine, change) != "rejected"
    step = change.steps.get()
    assert step.secrets_encrypted, "another attempt needs the password"
    assert REFUSED in step.error_detail
    cluster.heal()
    assert again(engine, change) == "done"
    assert outcomes() == ["unknown"] * 3 + ["rejected", "unchanged"]
    assert seen("users", name)["password_hash"] == HASH["password_hash"]
    step.refresh_from_db()
    assert step.secrets_encrypted == "", "dropped as soon as it has ended"


def test_the_password_is_there_for_an_attempt_that_has_to_write_after_all(
    engine, cluster, lost_three_times, live_broker, seen
):
    name, change = lost_three_times
    live_broker.forget("users", name)
    cluster.refuse(400, REFUSED, then=cluster.heal)
    again(engine, change)
    assert again(engine, change) == "done"
    assert seen("users", name)["password_hash"] == HASH["password_hash"]


def test_a_refusal_that_comes_twice_is_one(engine, cluster, lost_three_times):
    _, change = lost_three_times
    cluster.refuse(400, "no_such_thing")
    again(engine, change)
    assert again(engine, change) == "rejected"
    assert change.steps.get().error_detail == "no_such_thing"


def test_a_refusal_that_cannot_be_read_back_is_not_judged(engine, cluster, names, seen):
    name = names("user")
    cluster.refuse(400, REFUSED, then=lambda: setattr(cluster, "cut_reads", True))
    change = engine.do(("user", [name], {}, HASH))
    assert change.state == "waiting"
    assert "Refused (user_already_exists), but not verified" in change.steps.get().error_detail
    assert outcomes() == ["unknown"]
    cluster.cut_reads = False
    cluster.heal()
    assert again(engine, change) == "done"
    assert seen("users", name)["password_hash"] == HASH["password_hash"]


def test_failures_of_the_broker_are_counted_apart_from_lost_answers(
    engine, cluster, lost_three_times
):
    _, change = lost_three_times
    again(engine, change)
    cluster.refuse(500, "timeout")
    assert again(engine, change) != "rejected", "its first failure, not its fifth"
    cluster.heal()
    assert again(engine, change) == "done"


def test_a_failure_of_the_broker_that_did_it_all_the_same_is_found(
    engine, cluster, live_broker, names
):
    """RabbitMQ answers 500 to a virtual host that takes long to start, and goes on to start it."""
    name = names("vhost")
    cluster.refuse(500, "timeout", then=lambda: live_broker.call("PUT", "vhosts", name, body={}))
    assert engine.do(("vhost", [name], {})).state == "done"
    assert outcomes() == ["ok"]


def test_a_right_that_was_taken_after_an_attempt_does_not_hide_what_it_did(
    engine, cluster, lost_three_times, monkeypatch, seen
):
    _, change = lost_three_times
    monkeypatch.setattr(AUTHORIZE, "_function", nobody_may)
    cluster.heal()
    assert again(engine, change) == "done"
    assert len(cluster.writes) == 3, "nothing more was sent"


def test_a_right_that_was_taken_after_an_attempt_sends_nothing_more(
    engine, cluster, lost_three_times, live_broker, monkeypatch
):
    name, change = lost_three_times
    monkeypatch.setattr(AUTHORIZE, "_function", nobody_may)
    live_broker.forget("users", name)
    cluster.heal()
    assert again(engine, change) == "rejected"
    assert change.steps.get().error_code == "not_allowed"
    assert len(cluster.writes) == 3


def nobody_may(*_):
    return False


def test_a_stale_read_after_an_accepted_call_is_read_once_more(engine, cluster, names):
    """One node of a cluster took it, and another is asked that has not heard of it yet."""
    cluster.heal()
    cluster.stale_reads = 1
    change = engine.do(("user", [names("user")], {}, HASH))
    assert cluster.stale_reads == 0
    assert change.state == "done"
    assert outcomes() == ["ok"]


# Trying again


@pytest.fixture
def refused(engine, cluster, names):
    """(name, change) of a user that the broker refused."""
    name = names("user")
    cluster.refuse(400, "no_such_thing")
    change = engine.do(("user", [name], {"tags": ["monitoring"]}, HASH))
    assert change.state == "rejected"
    return name, change


def retry(change, superuser):
    return ask_again(
        change, RETRIED, seen=lambda *_: {}, origin="page", now=utc_now(), acting_user=superuser
    )


def test_what_was_refused_is_tried_again_with_its_password(
    engine, cluster, refused, superuser, seen
):
    name, change = refused
    cluster.heal()
    new = retry(change, superuser)
    assert change.steps.get().secrets_encrypted == "", "handed on"
    engine.apply()
    new.refresh_from_db()
    assert new.state == "done"
    assert seen("users", name)["password_hash"] == HASH["password_hash"]
    assert not Step.objects.exclude(secrets_encrypted="").exists()


def test_a_later_wish_drops_the_password_of_what_was_refused(engine, refused):
    name, change = refused
    assert change.steps.get().secrets_encrypted
    engine.ask(("user", [name], None), observed={Ref("user", (name,)): {"tags": []}})
    assert change.steps.get().secrets_encrypted == ""


def test_the_password_of_what_was_refused_is_dropped_after_a_day(refused, superuser):
    _, change = refused
    assert forget_secrets(utc_now()) == 0
    assert forget_secrets(utc_now() + KEPT_FOR + timedelta(minutes=1)) == 1
    with pytest.raises(NothingLeft, match="no longer stores"):
        retry(change, superuser)


# How long a call may take


def test_a_call_that_writes_may_take_longer_than_one_that_reads(
    engine, live_broker, names, monkeypatch
):
    monkeypatch.setattr(applying, "TIMEOUTS", Timeouts(connect=1, read=1, total=1))
    with Gate(live_broker.url, hold="answer") as gate:
        reach_by(engine, gate.url)
        opener = threading.Timer(2.5, gate.open)
        opener.start()
        change = engine.do(("vhost", [names("vhost")], {}))
        opener.join()
    assert change.state == "done"
    assert outcomes() == ["ok"]


#: After so many seconds RabbitMQ 4.3 gives up on a write that a majority does not confirm.
MINORITY_ANSWERS_AFTER_S = 30


def test_deadline_lease_and_stop_fit_each_other():
    """A minority's answer is waited for; the lease of a dead worker outlives its call; and a worker that is
    asked to stop has time to end the call that it is in, and to read back what came of it."""
    assert applying.WRITES.total > MINORITY_ANSWERS_AFTER_S
    assert applying.WRITES.read > MINORITY_ANSWERS_AFTER_S
    assert applying.WRITES.total + applying.WRITES.connect < lease.LEASE_SECONDS
    assert applying.KEEP_EVERY_S + applying.WRITES.total < lease.LEASE_SECONDS
    compose = Path("compose.yaml").read_text()
    (grace,) = re.search(r"x-worker: &worker\n.*?stop_grace_period: (\d+)s", compose, re.S).groups()
    assert int(grace) > applying.WRITES.total + 2 * applying.TIMEOUTS.total


def test_every_queue_has_a_worker_in_compose():
    served = set(re.findall(r'"?--queues"?, (\w+)', Path("compose.yaml").read_text()))
    assert served == {"default", "polling", "apply"}


def test_a_lease_is_kept_while_objects_are_read(engine, live_broker, names, monkeypatch):
    kept = []
    real = applying.renew_lease
    monkeypatch.setattr(applying, "renew_lease", lambda held: kept.append(held) or real(held))
    monkeypatch.setattr(applying, "KEEP_EVERY_S", -1)
    engine.ask(*[("vhost", [names("vhost")], {}) for _ in range(3)])
    before = len(kept)
    engine.apply()
    assert len(kept) - before > 6, "before each read"


# Stopping


@pytest.fixture
def stopped():
    yield
    stopping._asked.clear()


def test_a_worker_that_is_asked_to_stop_ends_its_call_and_begins_no_other(
    engine, live_broker, names, stopped, monkeypatch
):
    monkeypatch.setattr("console.engine.steps.begin.BATCH", 1)
    change = engine.ask(*[("vhost", [names("vhost")], {}) for _ in range(3)])
    with Gate(live_broker.url, hold="answer") as gate:
        reach_by(engine, gate.url)

        def stop():
            gate.held.wait(10)
            signals.worker_shutting_down.send(sender=None)
            gate.open()

        asking = threading.Thread(target=stop)
        asking.start()
        assert engine.apply() == 1
        asking.join()
    assert [step.state for step in change.steps.all()] == ["applied", "pending", "pending"]
    assert BrokerLease.objects.get().owner == "", "the next worker need not wait"
    stopping._asked.clear()
    reach_by(engine, live_broker.url)
    assert engine.apply() == 2
    change.refresh_from_db()
    assert change.state == "done"
