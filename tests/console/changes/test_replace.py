"""Deleting an object to declare it anew loses what is in it: it is done where it was asked for, and never
otherwise, however the broker came to have another object of that name."""

from __future__ import annotations

from typing import Any

import pytest

from console.engine.applying.attempt import act, act_together
from console.engine.applying.broker_objects import BrokerObjects
from console.kinds.common.kind import Op, Ref
from console.models import ManagedObject, Step

pytestmark = pytest.mark.django_db

QUORUM = {"durable": True, "auto_delete": False, "arguments": {"x-queue-type": "quorum"}}
CLASSIC = {"durable": True, "auto_delete": False, "arguments": {"x-queue-type": "classic"}}


@pytest.fixture
def queue(scratch_vhost: Any) -> list[str]:
    """The key of a classic queue on the broker, with two messages in it."""
    scratch_vhost.declare("orders")
    scratch_vhost.publish("orders", 2)
    return [scratch_vhost.name, "orders"]


def held(scratch_vhost: Any) -> int:
    """Messages in the queue now."""
    return scratch_vhost.channel.queue_declare("orders", passive=True).method.message_count


def kind_of(live_broker: Any, key: list[str]) -> tuple[str, dict[str, Any]]:
    there = live_broker.call("GET", "queues", *key)
    return there["type"], there["arguments"]


def is_untouched(live_broker: Any, scratch_vhost: Any, key: list[str]) -> bool:
    return kind_of(live_broker, key)[0] == "classic" and held(scratch_vhost) == 2


def test_what_was_asked_for_as_new_never_replaces_what_is_there(
    engine, live_broker, scratch_vhost, queue
):
    change = engine.do(("queue", queue, QUORUM))
    step = change.steps.get()
    assert (step.op, change.state, step.error_code) == ("create", "rejected", "conflict")
    assert "never does that automatically" in step.error_detail
    assert is_untouched(live_broker, scratch_vhost, queue)


def test_what_was_right_when_it_was_asked_for_is_not_replaced_after_it_changed_on_the_broker(
    engine, live_broker, scratch_vhost, queue
):
    change = engine.do(("queue", queue, QUORUM), observed={Ref("queue", tuple(queue)): QUORUM})
    assert change.steps.get().op == "unchanged"
    assert change.state == "rejected"
    assert is_untouched(live_broker, scratch_vhost, queue)


@pytest.mark.parametrize("op", [op for op in Op if op is not Op.REPLACE])
@pytest.mark.parametrize("guard", [{}, {"force": True}])
def test_no_step_but_one_to_replace_replaces(
    engine, live_broker, scratch_vhost, queue, store, op, guard
):
    for attempt in (act_alone, together):
        outcome = attempt(store, step_for(engine, queue, QUORUM, op, guard), CLASSIC)
        assert (outcome.state, outcome.code) == ("rejected", "conflict")
    assert is_untouched(live_broker, scratch_vhost, queue)


def test_a_step_to_replace_replaces_and_tells_that_it_is_destructive(
    engine, live_broker, scratch_vhost, queue
):
    scratch_vhost.take("orders", 2)
    key = Ref("queue", tuple(queue))
    change = engine.do(("queue", queue, QUORUM), observed={key: CLASSIC})
    step = change.steps.get()
    assert (step.op, step.not_after is not None) == ("replace", True)
    assert change.state == "done"
    assert kind_of(live_broker, queue)[0] == "quorum"


def test_even_a_step_to_replace_leaves_a_queue_that_has_messages(
    engine, live_broker, scratch_vhost, queue
):
    key = Ref("queue", tuple(queue))
    change = engine.do(("queue", queue, QUORUM), observed={key: CLASSIC})
    assert (change.steps.get().op, change.state) == ("replace", "rejected")
    assert is_untouched(live_broker, scratch_vhost, queue)
    forced = engine.do(("queue", queue, QUORUM), observed={key: CLASSIC}, guard={"force": True})
    assert forced.state == "done"
    assert kind_of(live_broker, queue)[0] == "quorum"


def test_a_step_to_replace_is_no_licence_to_delete_what_only_needs_an_update(engine, names, seen):
    vhost = names("vhost")
    engine.do(("vhost", [vhost], {"description": "before"}))
    engine.do(("queue", [vhost, "kept"], CLASSIC))
    change = engine.ask(("vhost", [vhost], {"description": "after"}))
    change.steps.update(op="replace")
    engine.apply()
    assert seen("vhosts", vhost)["description"] == "after"
    assert seen("queues", vhost, "kept") is not None


@pytest.fixture
def store(management: Any) -> Any:
    return BrokerObjects(management.http)


def step_for(engine: Any, key: list[str], spec: Any, op: Op, guard: dict[str, bool]) -> Step:
    target = ManagedObject(broker=engine.broker, kind="queue", key=key, spec=spec, generation=1)
    return Step(pk=1, target=target, op=op.value, guard=guard, broker=engine.broker)


def act_alone(store: Any, step: Step, before: Any) -> Any:
    return act(store, step, before)


def together(store: Any, step: Step, before: Any) -> Any:
    return act_together(store, [step], {tuple(step.target.key): before})[step.pk]
