"""A worker that dies while it creates, replaces or deletes a queue: the next one finishes, nothing is sent
twice that does harm, and nothing is shown as applied that isn't."""

from __future__ import annotations

import pytest

from console.kinds.common.kind import Ref
from tests.console.changes.test_crashes import (
    die_at,
    kill_while_held,
    let_the_lease_run_out,
    outcomes,
    reach_by,
)
from tests.faults.gate import Gate

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

PLAIN = {"durable": True, "auto_delete": False, "arguments": {}}
LIMITED = {**PLAIN, "arguments": {"x-max-length": 5}}
#: What is there before, and what is asked for.
OPS = {"create": (None, PLAIN), "replace": (PLAIN, LIMITED), "delete": (PLAIN, None)}
POINTS = ["after-claim", "after-attempt", "before-call", "after-call", "after-read-back"]


class Queue:
    def __init__(self, op, engine, vhost, live, seen):
        self.before, self.after = OPS[op]
        self.engine, self.live, self.seen = engine, live, seen
        self.key = (vhost, "orders")
        if self.before is not None:
            live.call("PUT", "queues", *self.key, body=self.before)

    def ask(self):
        observed = {Ref("queue", self.key): self.before} if self.before else {}
        return self.engine.ask(
            ("queue", self.key, self.after), observed=observed, guard={"force": 1}
        )

    def is_as(self, spec):
        found = self.seen("queues", *self.key)
        if spec is None or found is None:
            return found is spec
        told = {k: v for k, v in found["arguments"].items() if k != "x-queue-type"}
        return told == spec["arguments"]

    def finish(self, change):
        let_the_lease_run_out()
        self.engine.hurry()
        self.engine.apply()
        change.refresh_from_db()
        assert change.state == "done"
        assert self.is_as(self.after)


@pytest.fixture(params=sorted(OPS))
def queue(request, engine, scratch_vhost, live_broker, seen):
    return Queue(request.param, engine, scratch_vhost.name, live_broker, seen)


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_dies_and_the_next_one_finishes(point, queue):
    change = queue.ask()
    die_at(point, queue.engine.apply)
    acted = point in ("after-call", "after-read-back")
    assert queue.is_as(queue.after if acted else queue.before)
    assert queue.engine.target("queue", *queue.key).verified_generation == 0, "no phantom"
    queue.finish(change)
    assert outcomes()[-1] == ("unchanged" if acted else "ok")


@pytest.mark.parametrize("hold", ["request", "answer"])
def test_a_worker_is_killed_while_its_call_is_under_way(hold, queue, live_broker):
    """A replacement is killed between its deletion and its declaration: the next worker declares."""
    change = queue.ask()
    with Gate(live_broker.url, hold=hold) as gate:
        reach_by(queue.engine, gate.url)
        kill_while_held(gate, queue.engine.apply)
        reach_by(queue.engine, live_broker.url)
        if hold == "answer":
            assert queue.is_as(None if queue.before else queue.after)
        queue.finish(change)
