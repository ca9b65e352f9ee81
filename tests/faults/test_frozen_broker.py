"""A broker whose process is stopped takes connections and answers nothing: what is asked for meanwhile, and
just after it goes on, is applied in the order in which it was asked for."""

from __future__ import annotations

from uuid import uuid4

import pytest

from console.engine.applying import apply as applying
from console.models import Attempt
from console.rabbitmq.endpoint import Timeouts
from tests.conftest import LiveBroker
from tests.console.changes.test_crashes import HASH
from tests.engine import Engine
from tests.faults.own_node import OwnNode

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
ALL = {"configure": ".*", "write": ".*", "read": ".*"}


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with OwnNode(tmp_path_factory.mktemp("node") / "state") as node:
        yield node


@pytest.fixture
def broker(node):
    return LiveBroker(node.url)


@pytest.fixture
def engine(broker, make_broker, superuser):
    return Engine(
        make_broker(management_url=broker.url, username=broker.username, password=broker.password),
        superuser,
    )


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    monkeypatch.setattr(applying, "TIMEOUTS", Timeouts(connect=1, read=1, total=1))


def state(change):
    change.refresh_from_db()
    return change.state


def test_what_is_asked_for_after_a_freeze_does_not_overtake_what_it_stands_on(node, broker, engine):
    vhost, user = f"v/{uuid4().hex[:8]}", f"u-{uuid4().hex[:8]}"
    node.pause()
    try:
        earlier = [engine.ask(("vhost", [vhost], {})), engine.ask(("user", [user], {}, HASH))]
        assert engine.apply() == 0
        assert [state(change) for change in earlier] == ["waiting", "waiting"]
    finally:
        node.resume()
    later = engine.ask(("permission", [vhost, user], ALL))
    alone = engine.ask(("user", [f"{user}-alone"], {}, HASH))
    engine.apply()
    assert (state(later), state(alone)) == ("accepted", "done")
    assert not Attempt.objects.filter(step__change=later).exists()
    engine.hurry()
    engine.apply()
    assert [state(change) for change in (*earlier, later)] == ["done"] * 3
    assert broker.call("GET", "permissions", vhost, user)["configure"] == ".*"


def test_a_freeze_in_the_middle_of_a_write_forgets_nothing(node, broker, engine, monkeypatch):
    """Frozen between the look and the call: the call is taken by the kernel, and carried out after."""
    monkeypatch.setattr(applying, "WRITES", Timeouts(connect=1, read=1, total=1))
    user = f"u-{uuid4().hex[:8]}"
    act = applying.act

    def frozen(*arguments):
        node.pause()
        return act(*arguments)

    monkeypatch.setattr(applying, "act", frozen)
    try:
        change = engine.do(("user", [user], {"tags": ["monitoring"]}, HASH))
        assert change.state == "waiting"
        assert change.steps.get().secrets_encrypted
    finally:
        node.resume()
    monkeypatch.setattr(applying, "act", act)
    engine.hurry()
    engine.apply()
    assert state(change) == "done"
    found = broker.call("GET", "users", user)
    assert (found["password_hash"], found["tags"]) == (HASH["password_hash"], ["monitoring"])
