from __future__ import annotations

import pytest

from console.kinds.common.kind import Op, Ref, SpecError
from console.reconcile.diff import compare

VHOST = Ref("vhost", ("/test/4730",))
QUEUE = Ref("queue", ("/", "orders"))
USER = Ref("user", ("app",))


def test_nothing_wanted_and_nothing_there_is_unchanged():
    assert compare(VHOST, None, None).equal


def test_an_absent_object_is_created_and_its_difference_names_only_what_is_not_default():
    difference = compare(VHOST, {"description": "orders", "tags": []}, None)
    assert difference.op is Op.CREATE
    assert [(change.name, change.after) for change in difference.fields] == [
        ("description", "orders")
    ]


def test_an_unwanted_object_is_deleted():
    assert compare(VHOST, None, {"description": ""}).op is Op.DELETE


def test_tags_are_a_set_however_the_broker_writes_them():
    assert compare(USER, {"tags": ["b", "a"]}, {"tags": "a, b"}).op is Op.UNCHANGED


def test_a_field_that_differs_is_told_with_both_values():
    difference = compare(VHOST, {"tags": ["a"]}, {"tags": ["b"]})
    assert difference.op is Op.UPDATE
    assert (difference.fields[0].before, difference.fields[0].after) == (["b"], ["a"])


def test_a_secret_that_differs_is_told_without_its_values():
    difference = compare(USER, {"password_hash": "new"}, {"password_hash": "old"})
    (change,) = difference.fields
    assert change.secret
    assert change.before is None
    assert change.after is None


def test_a_difference_fixed_at_declare_means_replace():
    wanted = {"durable": True, "arguments": {"x-queue-type": "quorum"}}
    seen = {"durable": True, "auto_delete": False, "arguments": {"x-queue-type": "classic"}}
    assert compare(QUEUE, wanted, seen).op is Op.REPLACE


def test_true_and_one_are_not_the_same_argument():
    with pytest.raises(SpecError, match="durable"):
        compare(QUEUE, {"durable": 1}, None)


def test_a_field_the_broker_does_not_tell_is_never_called_equal_when_it_is_wanted():
    difference = compare(VHOST, {"protected_from_deletion": True}, {"description": ""})
    assert difference.op is Op.UNCHANGED
    assert difference.untold == ("protected_from_deletion",)
    assert not difference.equal


def test_a_field_the_broker_does_not_tell_is_no_difference_while_the_default_is_wanted():
    assert compare(VHOST, {"protected_from_deletion": False}, {"description": ""}).equal


def test_a_negative_limit_is_no_limit():
    assert compare(VHOST, {"limits": {}}, {"limits": {"max-queues": -1}}).equal


def test_an_unknown_field_is_refused_by_name():
    with pytest.raises(SpecError, match="durabel") as caught:
        compare(QUEUE, {"durabel": True}, None)
    assert caught.value.field == "durabel"


def test_an_argument_of_another_type_differs():
    def with_limit(value: object) -> dict[str, object]:
        return {"durable": True, "auto_delete": False, "arguments": {"x-max-length": value}}

    assert compare(QUEUE, with_limit(1), with_limit(True)).op is Op.REPLACE
    assert compare(QUEUE, with_limit(1), with_limit(1)).op is Op.UNCHANGED
