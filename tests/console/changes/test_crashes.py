"""A worker that dies anywhere loses nothing and does nothing twice: processes are really killed.

Every point is tried with virtual hosts, users, permissions, exchanges and bindings, each created, updated (where it
has anything that can be) and deleted:

C0  the web process, before it commits        C6  the call was answered; before the read-back
C1  the web process, before it answers        C7  read back; before the commit
C2  the lease is taken, nothing begun         C8  some steps of many are committed
C3  the attempt is written, nothing sent      C9  it slept through its lease, and wakes
C4  sent, and the broker has not acted        C10 an act that must not be repeated
C5  the broker acted, its answer is lost

C10 is of one kind only: creating, updating and deleting can be repeated, and users and permissions
have no other acts. A virtual host's restart is the one.
"""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta

import pytest
from django.db import connections
from django.test import Client

from console.engine.applying import crashpoints
from console.engine.sweep import brokers_with_due_steps
from console.kinds.common.kind import Ref
from console.models import (
    Attempt,
    AuditEntry,
    Broker,
    BrokerLease,
    Change,
    ManagedObject,
    Step,
)
from console.rabbitmq.endpoint import Secret
from console.rabbitmq.passwords import SHA256, hash_password
from tests.engine import utc_now
from tests.faults.gate import Gate
from vhosts.models import VirtualHost

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

KINDS = ("vhost", "user", "permission", "exchange", "binding")
PATHS = {"vhost": "vhosts", "user": "users", "permission": "permissions", "exchange": "exchanges"}
FANOUT = {
    "type": "fanout",
    "durable": True,
    "auto_delete": False,
    "internal": False,
    "arguments": {},
}
ALL = {"configure": ".*", "write": ".*", "read": ".*"}
LESS = {"configure": "^$", "write": "^$", "read": ".*"}
HASH = {"password_hash": hash_password(Secret("x" * 12)).reveal(), "hashing_algorithm": SHA256}
#: (spec, secrets) to create, update and delete one of a kind.
WISHES = {
    "vhost": [({"description": "a"}, None), ({"description": "b"}, None), (None, None)],
    "user": [({"tags": ["a"]}, HASH), ({"tags": ["b"]}, None), (None, None)],
    "permission": [(ALL, None), (LESS, None), (None, None)],
    "exchange": [(FANOUT, None), (None, None)],
    "binding": [({}, None), (None, None)],
}


class Story:
    """Objects of one kind that are created, updated and deleted: `for op in story`, with the parts of
    each act tried by the test. What an op asks for must be there before the next one begins."""

    def __init__(self, kind, engine, names, seen, *, objects=1):
        self.kind, self.engine, self.seen = kind, engine, seen
        users = [names("user") for _ in range(objects)] if kind != "vhost" else []
        if kind == "vhost":
            self.keys = [(names("vhost"),) for _ in range(objects)]
        elif kind == "user":
            self.keys = [(user,) for user in users]
        elif kind in ("exchange", "binding"):
            vhost = names("vhost")
            self.keys = [(vhost, f"{number}") for number in range(objects)]
            ends = [("exchange", key, FANOUT) for key in self.keys] if kind == "binding" else []
            engine.do(("vhost", [vhost], {}), *ends)
            if kind == "binding":
                self.keys = [(*key, "exchange", key[1], "k", "{}") for key in self.keys]
        else:
            vhost = names("vhost")
            self.keys = [(vhost, user) for user in users]
            engine.do(("vhost", [vhost], {}), *[("user", [user], {}, HASH) for user in users])
        self.before = self.after = self.secrets = None

    def __iter__(self):
        desired_states = WISHES[self.kind]
        ops = ("create", "delete") if len(desired_states) == 2 else ("create", "update", "delete")
        for op, desired in zip(ops, desired_states, strict=True):
            Attempt.objects.all().delete()
            self.after, self.secrets = desired
            yield op
            assert self.acted(), op
            self.before = self.after

    def ask(self, **more):
        there = self.keys if self.before is not None else ()
        observed = {Ref(self.kind, key): self.before for key in there}
        desired_objects = [(self.kind, list(key), self.after, self.secrets) for key in self.keys]
        return self.engine.ask(*desired_objects, observed=observed, **more)

    def acted(self, count=None):
        """Whether the first `count` objects (all) are as was asked on the broker."""
        return all(self._is(key, self.after) for key in self.keys[:count])

    def untouched(self, start=0):
        return all(self._is(key, self.before) for key in self.keys[start:])

    def _is(self, key, spec):
        if self.kind == "binding":
            path = ("bindings", key[0], "e", key[1], key[2][0], key[3], key[4])
        else:
            path = (PATHS[self.kind], *key)
        found = self.seen(*path)
        if spec is None or found is None:
            return found is spec
        return all(found[name] == value for name, value in spec.items())

    def shown_done(self):
        """How many of the objects are shown as they were asked for."""
        targets = [self.engine.target(self.kind, *key) for key in self.keys]
        return sum(1 for t in targets if t.verified_generation == t.generation)

    def finish(self, change):
        """The next worker comes, once the lease of the dead one has run out."""
        assert self.engine.apply() == 0, "the lease of the dead worker holds"
        let_the_lease_run_out()
        assert brokers_with_due_steps(utc_now() + timedelta(minutes=2)) == [self.engine.broker.pk]
        self.engine.hurry()
        self.engine.apply()
        change.refresh_from_db()
        assert change.state == "done"
        assert self.shown_done() == len(self.keys)
        assert {self.engine.target(self.kind, *key).sync for key in self.keys} == {"in_sync"}


@pytest.fixture(params=KINDS)
def story(request, engine, names, seen):
    return Story(request.param, engine, names, seen)


@pytest.fixture(params=KINDS)
def story_of_three(request, engine, names, seen):
    return Story(request.param, engine, names, seen, objects=3)


def start(act):
    """`act` in a process of its own: its id. It ends with 0, or with 1 where `act` raises."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        for connection in connections.all():
            # The parent's sockets must be neither used nor closed.
            connection.connection = None
        act()
        code = 0
    finally:
        os._exit(code)


def exit_code(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die_at(label, act):
    """Runs `act` in a process of its own that is to die at `label`; fails where it does not."""

    def dying():
        crashpoints._LABEL, crashpoints._NUMBER, crashpoints._passed = label, "1", 0
        act()

    assert exit_code(start(dying)) == 137, f"{label} was not reached"


def kill_while_held(gate, act):
    child = start(act)
    assert gate.held.wait(10)
    os.kill(child, signal.SIGKILL)
    assert exit_code(child) == -signal.SIGKILL


def reach_by(engine, url):
    Broker.objects.filter(pk=engine.broker.pk).update(management_url=url)


def let_the_lease_run_out():
    BrokerLease.objects.update(until=utc_now() - timedelta(seconds=1))


def outcomes():
    return list(Attempt.objects.order_by("number").values_list("outcome", flat=True))


def test_c0_death_before_the_commit_of_a_request_leaves_nothing(story):
    for op in story:
        known = Change.objects.count(), AuditEntry.objects.count(), Step.objects.count()
        wanted = list(ManagedObject.objects.values_list("generation", "spec"))
        die_at("before-accept-commit", lambda: story.ask(key=op))  # noqa: B023
        assert (Change.objects.count(), AuditEntry.objects.count(), Step.objects.count()) == known
        assert list(ManagedObject.objects.values_list("generation", "spec")) == wanted
        assert story.untouched()
        story.ask(key=op)
        story.engine.apply()


def test_c1_death_before_the_answer_keeps_the_change_and_the_same_key_finds_it(story):
    for op in story:
        known = set(Change.objects.values_list("pk", flat=True))
        die_at("after-accept-commit", lambda: story.ask(key=op))  # noqa: B023
        (first,) = Change.objects.exclude(pk__in=known)
        assert story.ask(key=op) == first
        assert brokers_with_due_steps(utc_now()) == [story.engine.broker.pk]
        assert story.untouched()
        story.engine.apply()
        assert outcomes() == ["ok"]


#: Where, whether the broker has acted by then, and what the attempts come to.
POINTS = [
    pytest.param("after-claim", False, ["ok"], id="c2-after-claim"),
    pytest.param("after-attempt", False, ["", "ok"], id="c3-after-attempt"),
    pytest.param("before-call", False, ["", "ok"], id="c3-before-call"),
    pytest.param("after-call", True, ["", "unchanged"], id="c6-before-read-back"),
    pytest.param("after-read-back", True, ["", "unchanged"], id="c7-before-commit"),
]


@pytest.mark.parametrize(("point", "acted", "came_to"), POINTS)
def test_a_worker_dies_and_the_next_one_finishes(point, acted, came_to, story):
    for op in story:
        change = story.ask()
        die_at(point, story.engine.apply)
        assert story.shown_done() == 0, f"{op} shown as done before the read-back was kept"
        assert story.acted() if acted else story.untouched()
        story.finish(change)
        assert outcomes() == came_to, "a second call where the broker had acted, or none at all"


def test_c4_a_call_that_reaches_the_broker_after_its_worker_died_changes_nothing_more(
    story, live_broker
):
    for _ in story:
        change = story.ask()
        with Gate(live_broker.url, hold="request") as gate:
            reach_by(story.engine, gate.url)
            kill_while_held(gate, story.engine.apply)
            assert story.shown_done() == 0
            assert story.untouched()
            reach_by(story.engine, live_broker.url)
            story.finish(change)
            assert outcomes() == ["", "ok"]
            gate.open()
            assert gate.passed.wait(10)
            assert len(gate.writes) == 1


def test_c5_what_the_broker_did_is_found_although_its_answer_was_lost(story, live_broker):
    for _ in story:
        change = story.ask()
        with Gate(live_broker.url, hold="answer") as gate:
            reach_by(story.engine, gate.url)
            kill_while_held(gate, story.engine.apply)
            assert story.acted()
            assert story.shown_done() == 0
            story.finish(change)
            assert outcomes() == ["", "unchanged"]
            assert len(gate.writes) == 1, "no second call"
        reach_by(story.engine, live_broker.url)


def test_c8_death_in_the_middle_of_many_steps_goes_on_with_the_rest(story_of_three, monkeypatch):
    monkeypatch.setattr("console.engine.steps.begin.BATCH", 1)
    story = story_of_three
    for _ in story:
        change = story.ask()
        die_at("after-commit", story.engine.apply)
        states = list(change.steps.values_list("state", flat=True))
        # The next of its kind was being sent while this one was recorded.
        assert states == ["applied", "verifying", "pending"]
        done = change.steps.get(state="applied").target
        assert (done.sync, done.verified_generation) == ("in_sync", done.generation)
        assert story.shown_done() == 1
        story.finish(change)
        assert [
            list(step.tries.values_list("outcome", flat=True)) for step in change.steps.all()
        ] in ([["ok"], ["", "unchanged"], ["ok"]], [["ok"], ["", "ok"], ["ok"]])


def test_c9_a_worker_that_wakes_after_its_lease_stores_nothing(story, live_broker):
    for _ in story:
        change = story.ask()
        with Gate(live_broker.url, hold="request") as gate:
            reach_by(story.engine, gate.url)
            sleeper = start(story.engine.apply)
            assert gate.held.wait(10)
            os.kill(sleeper, signal.SIGSTOP)
            reach_by(story.engine, live_broker.url)
            story.finish(change)
            kept = outcomes(), list(Step.objects.order_by("pk").values())
            gate.open()
            os.kill(sleeper, signal.SIGCONT)
            assert exit_code(sleeper) == 0
            assert gate.writes, "its late call reached the broker"
        assert (outcomes(), list(Step.objects.order_by("pk").values())) == kept
        assert kept[0] == ["", "ok"]


def test_c10_a_restart_whose_process_died_is_unknown_and_never_repeated(
    engine, superuser, names, live_broker, poll_now, inventory_now
):
    name = names("vhost")
    live_broker.call("PUT", "vhosts", name, body={})
    poll_now(engine.broker)
    inventory_now(engine.broker)
    vhost = VirtualHost.objects.get(broker=engine.broker, name=name)
    (node,) = vhost.cluster_state
    browser = Client()
    browser.force_login(superuser)
    with Gate(live_broker.url, hold="answer") as gate:
        reach_by(engine, gate.url)
        kill_while_held(gate, lambda: browser.post(f"/vhosts/{vhost.pk}/restart/", {"node": node}))
        said = AuditEntry.objects.filter(action="vhost:restart").get()
        assert "unknown" in said.after["outcome"]
        assert brokers_with_due_steps(utc_now() + timedelta(days=1)) == []
        assert engine.apply() == 0
        time.sleep(0.2)
        assert len(gate.writes) == 1
