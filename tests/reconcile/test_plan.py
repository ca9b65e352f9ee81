from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from console.kinds.common.kind import Op, Ref
from console.reconcile.diff import compare
from console.reconcile.drift import Drift, DriftState, find_drift
from console.reconcile.plan import fingerprint, make_plan

VHOST = Ref("vhost", ("/test/4730",))
USER = Ref("user", ("guest",))
PERMISSION = Ref("permission", ("/test/4730", "guest"))
QUEUE = Ref("queue", ("/test/4730", "orders"))
POLICY = Ref("policy", ("/test/4730", "ttl"))
ALL = {"configure": ".*", "write": ".*", "read": ".*"}


def test_what_others_stand_on_comes_first():
    plan = make_plan({PERMISSION: ALL, QUEUE: {}, POLICY: {}, USER: {}, VHOST: {}}, {})
    assert [step.ref for step in plan.steps] == [VHOST, USER, PERMISSION, POLICY, QUEUE]


def test_deletions_come_last_and_the_other_way_round():
    seen = {PERMISSION: ALL, USER: {}, QUEUE: {}}
    plan = make_plan({USER: None, PERMISSION: None, QUEUE: None, VHOST: {}}, seen)
    assert [(step.op, step.ref) for step in plan.steps] == [
        (Op.CREATE, VHOST),
        (Op.DELETE, QUEUE),
        (Op.DELETE, PERMISSION),
        (Op.DELETE, USER),
    ]


def test_what_dies_with_a_vhost_is_told_and_needs_no_step():
    other = Ref("queue", ("/", "orders"))
    seen = {VHOST: {}, QUEUE: {}, PERMISSION: ALL, USER: {}, other: {}}
    plan = make_plan({VHOST: None, QUEUE: None}, seen)
    assert [step.ref for step in plan.steps] == [VHOST]
    assert plan.dies_with[VHOST] == (PERMISSION, QUEUE)
    assert [(step.op, step.ref) for step in plan.all_steps] == [
        (Op.DELETE, VHOST),
        (Op.DELETE, QUEUE),
    ]
    assert plan.count(Op.DELETE) == 2


def test_only_what_is_named_is_touched():
    plan = make_plan({VHOST: {}}, {VHOST: {}, QUEUE: {}, USER: {}})
    assert plan.steps == ()
    assert plan.unchanged == (VHOST,)


REFS = [VHOST, USER, PERMISSION, QUEUE, POLICY]


@given(st.permutations(REFS), st.integers())
def test_neither_plan_nor_fingerprint_depends_on_the_order_of_what_was_read(order, seed):
    wanted = {VHOST: {"description": "x"}, USER: None, PERMISSION: ALL, QUEUE: {}, POLICY: None}
    seen = {VHOST: {}, USER: {}, POLICY: {}}
    shuffled = list(seen.items())
    random.Random(seed).shuffle(shuffled)
    first = make_plan(wanted, seen)
    second = make_plan({ref: wanted[ref] for ref in order}, dict(shuffled))
    assert first == second


def test_the_fingerprint_moves_when_an_object_it_covers_moves():
    before = fingerprint([VHOST, USER], {VHOST: {"description": "a"}})
    assert fingerprint([VHOST, USER], {VHOST: {"description": "b"}}) != before
    assert fingerprint([VHOST, USER], {VHOST: {"description": "a"}, USER: {}}) != before
    assert fingerprint([VHOST, USER], {VHOST: {"description": "a"}, QUEUE: {}}) == before


def test_nothing_is_called_missing_after_an_incomplete_look():
    assert list(find_drift({VHOST: {}}, {}, complete=False)) == []
    (verdict,) = find_drift({VHOST: {}}, {}, complete=True)
    assert verdict.state is DriftState.MISSING


def test_what_was_never_asked_for_is_unmanaged_and_what_was_deleted_can_return():
    states = {
        verdict.ref: verdict.state
        for verdict in find_drift(
            {USER: None, VHOST: {}}, {USER: {}, VHOST: {}, QUEUE: {}}, complete=True
        )
    }
    assert states == {
        USER: DriftState.RETURNED,
        VHOST: DriftState.IN_SYNC,
        QUEUE: DriftState.UNMANAGED,
    }


def test_each_verdict_names_its_object_and_tells_how_it_differs():
    x, y = {"description": "x"}, {"description": "y"}
    managed = {VHOST: x, USER: None, PERMISSION: ALL, POLICY: None, Ref("vhost", ("b",)): x}
    seen = {VHOST: y, USER: {}, PERMISSION: ALL, QUEUE: {}}
    assert list(find_drift(managed, seen, complete=True)) == [
        Drift(VHOST, DriftState.DRIFTED, compare(VHOST, x, y)),
        Drift(USER, DriftState.RETURNED, compare(USER, None, {})),
        Drift(PERMISSION, DriftState.IN_SYNC, compare(PERMISSION, ALL, ALL)),
        Drift(POLICY, DriftState.IN_SYNC, compare(POLICY, None, None)),
        Drift(Ref("vhost", ("b",)), DriftState.MISSING, compare(Ref("vhost", ("b",)), x, None)),
        Drift(QUEUE, DriftState.UNMANAGED),
    ]
    half = {drift.ref for drift in find_drift(managed, seen, complete=False)}
    assert half == {VHOST, USER, PERMISSION, POLICY, QUEUE}


def test_a_queue_to_replace_is_a_change_not_a_deletion_and_is_counted():
    wanted, other = {"durable": True}, {"durable": False}
    gone = Ref("queue", ("/test/4730", "gone"))
    plan = make_plan({QUEUE: wanted, gone: None, VHOST: {}}, {QUEUE: other, gone: {}})
    assert [(step.op, step.ref) for step in plan.steps] == [
        (Op.CREATE, VHOST),
        (Op.REPLACE, QUEUE),
        (Op.DELETE, gone),
    ]
    assert [plan.count(op) for op in Op] == [1, 0, 1, 1, 0]
    assert plan.dies_with == {}


def test_what_is_deleted_elsewhere_keeps_its_own_step_when_a_vhost_goes():
    other = Ref("queue", ("/", "orders"))
    nested = Ref("vhost", ("/test",))
    seen = {VHOST: {}, QUEUE: {}, other: {}, USER: {}, nested: {}}
    plan = make_plan({VHOST: None, QUEUE: None, other: None, USER: None}, seen)
    assert [step.ref for step in plan.steps] == [other, USER, VHOST]
    assert plan.dies_with == {VHOST: (QUEUE,)}


def test_a_plan_has_the_fingerprint_of_all_that_it_names():
    seen = {VHOST: {"description": "x"}, QUEUE: {}}
    wanted = {VHOST: {"description": "x"}, USER: {}}
    assert make_plan(wanted, seen).fingerprint == fingerprint([USER, VHOST], seen)
    one, other = ({"arguments": {"x": x}} for x in ({"a": 1, "b": 2}, {"b": 2, "a": 1}))
    assert fingerprint([QUEUE], {QUEUE: one}) == fingerprint([QUEUE], {QUEUE: other})


def test_the_fingerprint_stands_for_meaning_not_for_the_way_it_is_written():
    one = fingerprint([USER], {USER: {"tags": "b,a"}})
    assert fingerprint([USER, USER], {USER: {"tags": ["a", "b"]}}) == one
    assert len(one) == 64
    assert fingerprint([Ref("vhost", ("a\ud800",))], {}) != one
