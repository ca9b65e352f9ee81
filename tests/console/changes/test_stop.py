"""A stop in the middle of many steps: what was sent is proven, the rest is not sent any more."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import connection

from console.changes.again import stop_change
from console.models import Attempt, Change
from console.rabbitmq.management.objects import ObjectStore
from tests.console.changes.test_crashes import HASH
from tests.engine import utc_now

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_stop_is_heard_within_a_batch(engine, names, live_broker, monkeypatch, superuser):
    users = [names("user") for _ in range(300)]
    change = engine.ask(*[("user", [user], {}, HASH) for user in users])
    sent, reached = [], threading.Event()
    real = ObjectStore.write

    def slowly(store, kind, key, *args):
        sent.append(key[0])
        if len(sent) == 20:
            reached.set()
        time.sleep(0.05)
        real(store, kind, key, *args)

    def stop():
        reached.wait(30)
        stop_change(change, now=utc_now(), acting_user=superuser)
        connection.close()

    monkeypatch.setattr(ObjectStore, "write", slowly)
    person = threading.Thread(target=stop)
    person.start()
    engine.apply()
    person.join()
    change.refresh_from_db()
    assert change.state == "stopped"
    steps = {step.target.key[0]: step for step in change.steps.select_related("target")}
    applied = {name for name, step in steps.items() if step.state == "applied"}
    stopped = {name for name, step in steps.items() if step.state == "stopped"}
    assert applied == set(sent), "what was sent is read back and told"
    assert applied | stopped == set(users)
    assert len(stopped) > 100, "300 steps of 50 ms over 8 connections are two seconds of work"
    assert {user["name"] for user in live_broker.call("GET", "users")} & set(users) == applied
    assert Attempt.objects.count() == len(applied), "no attempt is left of what was not sent"
    assert not change.steps.exclude(secrets_encrypted="").exists()
    assert Change.objects.get().finished_at is not None
