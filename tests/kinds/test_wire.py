"""The wire of every kind can be turned around: from a call of the management API to the object, and
back to the same call."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.kinds.cluster.connection import CONNECTION
from console.kinds.cluster.kind import CLUSTER
from console.kinds.common import values
from console.kinds.common.kind import Kind, Ref, SpecError
from console.kinds.registry import KINDS, located
from console.rabbitmq.passwords import SHA256

NAMES = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffd"),
    min_size=1,
    max_size=20,
).filter(lambda name: name not in (".", ".."))
JSON = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
TABLES = st.dictionaries(st.text(max_size=8), JSON, max_size=4)
BY_VALUE: dict[Any, st.SearchStrategy[Any]] = {
    values.text: st.text(max_size=20),
    values.text_or_empty: st.text(max_size=20),
    values.optional_text: st.none() | st.sampled_from(["classic", "quorum"]),
    values.flag: st.booleans(),
    values.integer: st.integers(-(2**31), 2**31),
    values.tags: st.lists(
        NAMES.filter(lambda word: "," not in word and word == word.strip()), max_size=3
    ),
    values.limits: st.dictionaries(st.sampled_from(["max-connections"]), st.integers(0, 9)),
    values.table: TABLES,
    values.any_json: JSON,
}


def specs(kind: Kind) -> st.SearchStrategy[dict[str, Any]]:
    fields = {field.name: BY_VALUE[field.canonical] for field in kind.fields}
    if "hashing_algorithm" in fields:
        fields["hashing_algorithm"] = st.just(SHA256)
    return st.fixed_dictionaries(fields)


def keys(kind: Kind) -> st.SearchStrategy[tuple[str, ...]]:
    parts = {
        "destination_type": st.sampled_from(["queue", "exchange"]),
        "arguments": TABLES.map(values.arguments_key),
    }
    return st.tuples(*(parts.get(name, NAMES) for name in kind.identity))


@pytest.mark.parametrize("name", sorted(KINDS))
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_call_tells_its_object_and_the_object_the_same_call(name, data):
    kind = KINDS[name]
    key, spec = data.draw(keys(kind)), kind.canonical(data.draw(specs(kind)))
    call = next(iter(kind.wire.writes(key, spec, None)))
    assert located(call.segments, call.body) == Ref(name, key)
    told = kind.canonical({**spec, **kind.wire.spec_of_body(call.body)})
    assert next(iter(kind.wire.writes(key, told, None))) == call


@pytest.mark.parametrize("name", sorted(set(KINDS) - {"binding"}))
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_deletion_tells_its_object(name, data):
    kind = KINDS[name]
    key = data.draw(keys(kind))
    call = kind.wire.delete(key, (), if_empty=False)
    assert (call.method, located(call.segments, {})) == ("DELETE", Ref(name, key))


@pytest.mark.parametrize("name", sorted(KINDS))
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_row_of_the_listing_tells_what_was_written(name, data):
    kind = KINDS[name]
    key, spec = data.draw(keys(kind)), kind.canonical(data.draw(specs(kind)))
    call = next(iter(kind.wire.writes(key, spec, None)))
    import json

    row = {
        **dict(zip(kind.identity, key, strict=True)),
        **call.body,
        **({"arguments": json.loads(key[-1])} if name == "binding" else {}),
    }
    answers = [[row], *([] for _ in kind.wire.listing()[1:])]
    ((found, seen),) = kind.wire.specs(*answers)
    apart = {field.name: spec[field.name] for field in kind.fields if field.apart}
    assert (found, kind.canonical({**seen, **apart})) == (key, spec)


@pytest.mark.parametrize(
    "segments", [(), ("overview",), ("vhosts",), ("queues", "/"), ("a", "b", "c", "d")]
)
def test_other_addresses_are_of_no_kind(segments):
    assert located(segments, {}) is None


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_kind_has_words_a_section_and_an_order(name):
    kind = KINDS[name]
    key = tuple(f"<{part}>" for part in kind.identity)
    assert kind.noun
    assert kind.plural != kind.noun
    assert kind.name_of(key) in kind.phrase(key)
    assert set(kind.identity) & {"name", "user", "destination"}
    assert kind.section.name
    # Of a kind without a desired state, only acts are requested; no file has it.
    assert (
        kind.section.read or kind.section.read_component or name in (CLUSTER.name, CONNECTION.name)
    )
    for need in kind.stands_on(key if name != "binding" else ("v", "e", "queue", "q", "k", "{}")):
        assert KINDS[need.kind].rank < kind.rank
    with pytest.raises(SpecError):
        kind.canonical({"no such field": 1})
