"""The kinds of object said outright: what identifies one, what is fixed, what is secret, what is no spec."""

from __future__ import annotations

import pytest

from console.kinds.common.kind import Op, Ref, SpecError
from console.kinds.common.values import arguments_key
from console.kinds.registry import KINDS
from console.reconcile.diff import Difference, FieldChange, compare

#: What can be changed only by deleting the object and declaring it anew.
FIXED = {
    "exchange": {"type", "durable", "auto_delete", "internal", "arguments"},
    "queue": {"durable", "auto_delete", "arguments"},
}
OTHER_VALUES = {
    "description": "x", "tags": ["x"], "default_queue_type": "quorum", "tracing": True,
    "limits": {"max-queues": 1}, "protected_from_deletion": True, "password_hash": "x",
    "hashing_algorithm": "x", "configure": "x", "write": "x", "read": "x", "type": "fanout",
    "durable": False, "auto_delete": True, "internal": True, "arguments": {"x": 1}, "pattern": "x",
    "apply_to": "queues", "priority": 1, "definition": {"x": 1}, "value": {"x": 1},
}  # fmt: skip
FIELDS = [(kind.name, field.name) for kind in KINDS.values() for field in kind.fields]


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_each_field_is_compared_and_only_fixed_ones_mean_to_replace(kind, field):
    ref = Ref(kind, tuple("x" for _ in KINDS[kind].identity))
    default = KINDS[kind].canonical({})
    other = {**default, field: OTHER_VALUES[field]}
    for wanted, seen in ((other, default), (default, other)):
        difference = compare(ref, wanted, seen)
        if field == "default_queue_type" and wanted is default:
            # What nobody asked for is the broker's own choice.
            assert difference == Difference(ref, Op.UNCHANGED)
            continue
        secret = field == "password_hash"
        values = (None, None) if secret else (seen[field], wanted[field])
        assert difference.op is (Op.REPLACE if field in FIXED.get(kind, ()) else Op.UPDATE)
        assert difference.fields == (FieldChange(field, *values, secret=secret),)
    assert compare(ref, other, other) == Difference(ref, Op.UNCHANGED)
    created = compare(ref, other, None)
    shown = (None, None, True) if field == "password_hash" else (None, other[field], False)
    assert (created.op, created.fields) == (Op.CREATE, (FieldChange(field, *shown),))
    without = {name: value for name, value in default.items() if name != field}
    assert compare(ref, other, without).untold == (field,)
    assert compare(ref, default, without).untold == ()


@pytest.mark.parametrize(
    ("kind", "field", "value", "told"),
    [
        ("vhost", "description", 5, "text"),
        ("vhost", "tracing", 1, "true or false"),
        ("vhost", "limits", [], "object"),
        ("vhost", "limits", {"max-queues": "1"}, "whole number"),
        ("vhost", "limits", {"max-queues": True}, "whole number"),
        ("vhost", "limits", {1: 1}, "text"),
        ("vhost", "tags", 5, "list of text values"),
        ("vhost", "tags", [5], "text"),
        ("policy", "priority", 1.5, "whole number"),
        ("queue", "arguments", 5, "object"),
        ("queue", "arguments", ["x"], "object"),
        ("vhost", "default_queue_type", 5, "text"),
        ("queue", "durabel", True, "no field 'durabel'"),
    ],
)
def test_what_no_object_can_have_is_refused_by_its_field(kind, field, value, told):
    with pytest.raises(SpecError) as refused:
        KINDS[kind].canonical({field: value})
    assert refused.value.field == field
    assert told in str(refused.value)
    assert str(refused.value).endswith(".")
    assert field == "durabel" or str(refused.value).startswith(f"{field} must be ")


@pytest.mark.parametrize(
    ("kind", "field", "value", "canonical"),
    [
        ("vhost", "description", None, ""),
        ("vhost", "tags", "b, a ,,", ["a", "b"]),
        ("vhost", "tags", ("b", "a", "b", ""), ["a", "b"]),
        ("vhost", "tags", "", []),
        ("vhost", "default_queue_type", "", None),
        ("vhost", "default_queue_type", "undefined", None),
        ("vhost", "default_queue_type", "quorum", "quorum"),
        ("vhost", "limits", {"b": 0, "a": 5, "c": -1}, {"a": 5, "b": 0}),
        ("queue", "arguments", [], {}),
        ("queue", "arguments", {"b": 1, "a": 2}, {"a": 2, "b": 1}),
        ("parameter", "value", {"b": (1, 2)}, {"b": [1, 2]}),
    ],
)
def test_equal_values_have_one_form(kind, field, value, canonical):
    found = KINDS[kind].canonical({field: value})[field]
    assert found == canonical
    if isinstance(found, dict):
        assert list(found) == list(canonical)


def test_arguments_tell_bindings_apart_in_one_form():
    assert arguments_key({"b": 1, "a": "x"}) == '{"a":"x","b":1}'
    assert arguments_key({}) == arguments_key([]) == "{}"
    assert arguments_key({"a": {"d": 1, "c": 2}}) == '{"a":{"c":2,"d":1}}'


def test_a_field_is_found_by_its_name():
    assert KINDS["user"].field("password_hash").secret
    assert str(Ref("queue", ("/", "orders"))) == "queue / / orders"


def test_a_queue_of_no_type_is_classic_and_of_another_type_is_another_queue():
    ref = Ref("queue", ("/", "q"))
    classic, quorum = ({"arguments": {"x-queue-type": name}} for name in ("classic", "quorum"))
    more = {"arguments": {"x-queue-type": "classic", "x-max-length": 1}}
    assert compare(ref, {}, classic).equal
    assert compare(ref, classic, {"arguments": {}}).equal
    assert compare(ref, more, {"arguments": {"x-max-length": 1}}).equal
    assert compare(ref, {"arguments": {"x-max-length": 1}}, more).equal
    assert compare(ref, more, {"arguments": {}}).op is Op.REPLACE
    assert compare(ref, {}, more).op is Op.REPLACE
    assert compare(ref, quorum, {"arguments": {}}).op is Op.REPLACE
    assert compare(ref, quorum, classic).op is Op.REPLACE
    assert compare(ref, classic, quorum).op is Op.REPLACE
    assert compare(ref, {}, {}).equal


def test_the_order_in_which_an_answer_names_its_keys_is_no_difference():
    ref = Ref("queue", ("/", "q"))
    one, other = ({"arguments": {"x": dict(pairs)}} for pairs in ([("a", 1), ("b", 2)], [("b", 2), ("a", 1)]))  # fmt: skip
    assert compare(ref, one, other).equal
    assert compare(ref, other, one).equal
    assert compare(ref, one, {"arguments": {"x": {"a": 1, "b": "2"}}}).op is Op.REPLACE
    assert compare(ref, {"arguments": {"x": "1"}}, {"arguments": {"x": 1}}).op is Op.REPLACE
