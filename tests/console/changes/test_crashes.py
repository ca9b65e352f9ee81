"""A worker that dies anywhere loses nothing and does nothing twice: processes are really killed.

The points are those of docs/decisions/0005-changes.md.
"""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from django.db import connections

from console.changes import crashpoints
from console.changes.sweep import brokers_with_due_steps
from console.models import Attempt, AuditEntry, BrokerLease, Change, ManagedObject, Step
from console.rabbitmq.endpoint import Secret
from console.rabbitmq.passwords import SHA256, hash_password
from console.reconcile.kinds import Ref
from tests.engine import utc_now

pytestmark = pytest.mark.django_db(transaction=True)

ALL = {"configure": ".*", "write": ".*", "read": ".*"}
LESS = {"configure": "^$", "write": "^$", "read": ".*"}
HASH = {"password_hash": hash_password(Secret("x" * 12)).reveal(), "hashing_algorithm": SHA256}
#: The point, and whether the broker has acted when the worker dies there.
POINTS = {
    "after-claim": False,
    "after-attempt": False,
    "before-call": False,
    "after-call": True,
    "after-read-back": True,
    "after-commit": True,
}


def die_at(label, act):
    """Runs `act` in a process of its own that is to die at `label`; fails where it does not."""
    child = os.fork()
    if child == 0:
        try:
            for connection in connections.all():
                # The parent's sockets must be neither used nor closed.
                connection.connection = None
            crashpoints._LABEL, crashpoints._NUMBER, crashpoints._passed = label, "1", 0
            act()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 137, f"{label} was not reached"


def let_the_lease_run_out():
    BrokerLease.objects.update(until=utc_now() - timedelta(seconds=1))


def stories(kind, vhost, user):
    """(spec, secrets) of create, update and delete, and how the broker's answer shows the last."""
    return {
        "vhost": (
            (vhost,),
            [({"description": "a"}, None), ({"description": "b"}, None), (None, None)],
        ),
        "user": ((user,), [({"tags": ["a"]}, HASH), ({"tags": ["b"]}, None), (None, None)]),
        "permission": ((vhost, user), [(ALL, None), (LESS, None), (None, None)]),
    }[kind]


@pytest.mark.parametrize("kind", ["vhost", "user", "permission"])
@pytest.mark.parametrize("point", POINTS)
def test_a_worker_dies_and_the_next_one_finishes(point, kind, engine, names, seen):
    vhost, user = names("vhost"), names("user")
    if kind == "permission":
        engine.do(("vhost", [vhost], {}), ("user", [user], {}, HASH))
    key, story = stories(kind, vhost, user)
    path = {"vhost": "vhosts", "user": "users", "permission": "permissions"}[kind]
    before = None
    for spec, secrets in story:
        Attempt.objects.all().delete()
        observed = {Ref(kind, key): before} if before is not None else None
        change = engine.ask((kind, list(key), spec, secrets), observed=observed)
        die_at(point, engine.apply)
        assert Step.objects.get(change=change).state in ("pending", "verifying", "applied")
        target = engine.target(kind, *key)
        if point != "after-commit":
            assert target.verified_generation != target.generation, (
                "shown applied before the read-back"
            )
            assert (seen(path, *key) is not None) == _there(spec, before, acted=POINTS[point])
        let_the_lease_run_out()
        engine.hurry()
        engine.apply()
        change.refresh_from_db()
        assert change.state == "done"
        target.refresh_from_db()
        assert (target.sync, target.verified_generation) == ("in_sync", target.generation)
        outcomes = [attempt.outcome for attempt in Attempt.objects.order_by("number")]
        if point in ("after-call", "after-read-back"):
            assert outcomes == ["", "unchanged"], "the broker had acted: no second call"
        assert (seen(path, *key) is None) == (spec is None)
        before = spec
    assert AuditEntry.objects.filter(target_kind=kind, target=" / ".join(key)).count() == 3


def _there(spec, before, *, acted):
    return (spec is not None) if acted else (before is not None)


def test_death_before_the_commit_of_a_request_leaves_nothing(engine, names):
    die_at("before-accept-commit", lambda: engine.ask(("vhost", [names("vhost")], {}), key="k"))
    assert not Change.objects.exists()
    assert not ManagedObject.objects.exists()
    assert not AuditEntry.objects.exists()


def test_death_before_the_answer_keeps_the_change_and_the_same_key_finds_it(engine, names, seen):
    vhost = names("vhost")
    die_at("after-accept-commit", lambda: engine.ask(("vhost", [vhost], {}), key="k"))
    first = Change.objects.get()
    assert engine.ask(("vhost", [vhost], {}), key="k") == first
    assert brokers_with_due_steps(utc_now()) == [engine.broker.pk]
    engine.apply()
    assert seen("vhosts", vhost)
    assert Step.objects.count() == 1


def test_death_in_the_middle_of_many_steps_goes_on_with_the_rest(engine, names, seen):
    vhost, users = names("vhost"), [names("user") for _ in range(3)]
    change = engine.ask(("vhost", [vhost], {}), *[("user", [u], {}, HASH) for u in users])
    die_at("after-commit", engine.apply)
    states = list(change.steps.values_list("state", flat=True))
    assert states == ["applied", "pending", "pending", "pending"]
    let_the_lease_run_out()
    engine.apply()
    change.refresh_from_db()
    assert change.state == "done"
    assert all(seen("users", user) for user in users)
