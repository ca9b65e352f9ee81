"""A stop in the middle of many steps: what was sent is proven, the rest is not sent any more."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import connection

from console.engine.applying.broker_objects import BrokerObjects
from console.engine.proposals.retry import stop_change
from console.models import Attempt, Change
from tests.console.changes.test_crashes import HASH
from tests.engine import utc_now

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


@pytest.mark.parametrize("together", [True, False])
def test_a_stop_is_heard_within_a_batch(
    together, engine, names, live_broker, monkeypatch, superuser
):
    users = [names("user") for _ in range(300)]
    change = engine.ask(*[("user", [user], {}, HASH) for user in users])
    sent, reached = [], threading.Event()
    one, many = BrokerObjects.write, BrokerObjects.write_together

    def slowly(store, kind, key, *args):
        note([key], 0.05)
        one(store, kind, key, *args)

    def slowly_together(store, kind, specs):
        note(list(specs), 0.25)
        many(store, kind, specs)

    def note(keys, seconds):
        sent.extend(name for (name,) in keys)
        if len(sent) >= 20:
            reached.set()
        time.sleep(seconds)

    def stop():
        reached.wait(30)
        stop_change(change, now=utc_now(), acting_user=superuser)
        connection.close()

    monkeypatch.setattr(BrokerObjects, "write", slowly)
    monkeypatch.setattr(BrokerObjects, "write_together", slowly_together)
    monkeypatch.setattr("console.engine.applying.apply.TOGETHER", 20)
    if not together:
        monkeypatch.setattr("console.engine.applying.apply._may_go_together", lambda batch: False)
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
    assert len(stopped) > 100, "all of them would be two seconds of work"
    assert {user["name"] for user in live_broker.call("GET", "users")} & set(users) == applied
    assert Attempt.objects.count() == len(applied), "no attempt is left of what was not sent"
    assert not change.steps.exclude(secrets_encrypted="").exists()
    assert Change.objects.get().finished_at is not None
