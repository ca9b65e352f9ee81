"""Two who ask at the same moment: one of a pair under one key, both of two operators, in an order."""

from __future__ import annotations

import threading

import pytest
from django.db import connection
from rest_framework.test import APIClient

from console.errors import IdempotencyMismatch
from console.models import AuditEntry, Broker, Change, ManagedObject, Step
from tests.console.changes.test_crashes import HASH, start
from tests.console.changes.test_crashes import exit_code as end_of
from tests.faults.gate import Gate

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
ALL = {"configure": ".*", "write": ".*", "read": ".*"}
LESS = {"configure": "^$", "write": "^$", "read": ".*"}


def at_once(*acts):
    """What each of the acts came to, run in threads that begin together: its result or its error."""
    start_line, came_to = threading.Barrier(len(acts)), [None] * len(acts)

    def run(number, act):
        try:
            start_line.wait()
            came_to[number] = act()
        except Exception as error:
            came_to[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return came_to


def desired(kind, names, engine):
    """(kind, key), and two specs that differ."""
    if kind == "vhost":
        return [names("vhost")], ({"description": "a"}, {"description": "b"})
    if kind == "user":
        return [names("user")], ({"tags": ["a"]}, {"tags": ["b"]})
    vhost, user = names("vhost"), names("user")
    engine.do(("vhost", [vhost], {}), ("user", [user], {}, HASH))
    return [vhost, user], (ALL, LESS)


KINDS = pytest.mark.parametrize("kind", ["vhost", "user", "permission"])
SECRETS = {"user": (HASH,)}


@KINDS
def test_the_same_key_twice_at_once_is_one_change(kind, engine, names):
    key, (spec, _) = desired(kind, names, engine)
    Change.objects.all().delete()
    ManagedObject.objects.all().delete()
    kept = AuditEntry.objects.count()

    def ask():
        return engine.ask((kind, key, spec, *SECRETS.get(kind, ())), key="k").pk

    found = at_once(*[ask] * 4)
    assert set(found) == {Change.objects.get().pk}
    assert Step.objects.count() == 1
    assert ManagedObject.objects.get(kind=kind).generation == 1
    assert AuditEntry.objects.count() == kept + 1


def test_the_same_key_at_once_for_two_requests_keeps_one_and_refuses_the_other(engine, names):
    one, other = names("vhost"), names("vhost")
    came_to = at_once(
        lambda: engine.ask(("vhost", [one], {}), key="k"),
        lambda: engine.ask(("vhost", [other], {}), key="k"),
    )
    assert sorted(type(result) for result in came_to if isinstance(result, Exception)) == [
        IdempotencyMismatch
    ]
    assert Change.objects.count() == Step.objects.count() == ManagedObject.objects.count() == 1


def test_the_same_key_twice_at_once_by_the_api_answers_with_one_change(engine, names, api_token):
    body = {"broker": engine.broker.pk, "name": names("vhost")}

    def post():
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {api_token}")
        answer = client.post("/api/v1/vhosts/", body, "json", headers={"Idempotency-Key": "k"})
        return answer.status_code, answer.json()["id"]

    assert set(at_once(*[post] * 4)) == {(202, str(Change.objects.get().pk))}
    assert Step.objects.count() == 1


@KINDS
def test_two_operators_on_one_object_are_both_heard_in_an_order(kind, engine, names, seen):
    key, specs = desired(kind, names, engine)
    extra = SECRETS.get(kind, ())
    one, other = at_once(
        *[lambda spec=spec: engine.ask((kind, key, spec, *extra)) for spec in specs]
    )
    first, second = sorted((one, other), key=lambda change: change.steps.get().generation)
    assert second.steps.get().generation == first.steps.get().generation + 1
    engine.apply()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, first.steps.get().state) == ("superseded", "superseded")
    assert first.steps.get().error_detail == "Replaced by a newer change."
    assert not first.steps.get().tries.exists(), "the older desired was never sent"
    assert (second.state, second.steps.get().state) == ("done", "applied")
    target = engine.target(kind, *key)
    assert (target.sync, target.verified_generation) == ("in_sync", target.generation)
    there = seen({"vhost": "vhosts", "user": "users", "permission": "permissions"}[kind], *key)
    wanted = specs[(one, other).index(second)]
    assert all(there[name] == value for name, value in wanted.items())


@KINDS
def test_a_wish_during_the_application_of_another_comes_after_it(kind, engine, names, seen):
    key, (spec, newer) = desired(kind, names, engine)
    extra = SECRETS.get(kind, ())
    home = engine.broker.management_url
    first = engine.ask((kind, key, spec, *extra))
    with Gate(home, hold="answer") as gate:
        Broker.objects.update(management_url=gate.url)
        worker = start(engine.apply)
        assert gate.held.wait(10)
        second = engine.ask((kind, key, newer, *extra))
        gate.open()
        assert end_of(worker) == 0
    target = engine.target(kind, *key)
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.state == "done", "it was on the broker, and read back"
    assert second.state == "done"
    assert (target.sync, target.verified_generation) == ("in_sync", 2)
    assert [
        step.tries.get().outcome for step in Step.objects.filter(change__in=[first, second])
    ] == [
        "ok",
        "ok",
    ]
    assert len(gate.writes) == 2
