"""Whatever JSON, or what is none, a broker sends: typed values, rejected rows or one typed error."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.rabbitmq.endpoint import Limits
from console.rabbitmq.errors import MalformedAnswer
from console.rabbitmq.management import readings
from console.rabbitmq.management.decode import Rows

LIMITS = Limits()
KINDS: dict[str, Rows[Any, Any]] = {
    name: value for name, value in vars(readings).items() if isinstance(value, Rows)
}
FIELDS = sorted(
    {field.encode_name for rows in KINDS.values() for field in msgspec.structs.fields(rows.struct)}
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "undefined", "infinity", "a\0b", "é", "\u202e", "12"])
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(FIELDS) | st.text("ab\0", max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)
rows_of_anything = st.lists(
    st.dictionaries(st.sampled_from(FIELDS), values, max_size=10) | values, max_size=4
)


@settings(max_examples=4 * settings().max_examples, deadline=None)
@given(rows_of_anything, st.sampled_from(sorted(KINDS)))
def test_every_row_becomes_an_item_or_a_rejected_row(rows: list[Any], kind: str) -> None:
    listing = KINDS[kind].listing(json.dumps(rows).encode(), LIMITS)
    assert len(listing.items) + len(listing.rejected) == len(rows)
    # Postgres stores no NUL, wherever it hides.
    assert "\\x00" not in repr(listing.items).replace("\\\\x00", "")


@settings(max_examples=3 * settings().max_examples, deadline=None)
@given(st.binary(max_size=60) | values.map(lambda value: json.dumps(value).encode()))
def test_what_is_no_listing_is_refused_with_one_kind_of_error(body: bytes) -> None:
    for rows in (readings.QUEUES, readings.VHOSTS):
        with contextlib.suppress(MalformedAnswer):
            rows.listing(body, LIMITS)
        with contextlib.suppress(MalformedAnswer):
            rows.one(body, LIMITS)


@pytest.mark.parametrize(
    ("row", "field", "value"),
    [
        ('{"vhost":"/","name":"q","arguments":[]}', "arguments", {}),
        ('{"vhost":"/","name":"q","policy":""}', "policy", None),
        ('{"vhost":"/","name":"q","durable":"true"}', "durable", True),
        ('{"vhost":"/","name":"q","exclusive":null}', "exclusive", None),
        ('{"vhost":"/","name":"q","state":"undefined"}', "state", None),
        ('{"vhost":"/","name":"q","policy":"undefined"}', "policy", "undefined"),
        ('{"vhost":"/","name":"q","members":"undefined"}', "members", ()),
        ('{"vhost":"/","name":"undefined"}', "name", "undefined"),
        ('{"vhost":"/","name":"q","node":"a\\u0000b"}', "node", "a\ufffdb"),
    ],
)
def test_spellings_of_nothing_are_understood(row: str, field: str, value: object) -> None:
    listing = readings.QUEUES.listing(f"[{row}]".encode(), LIMITS)
    assert listing.rejected == []
    assert getattr(listing.items[0], field) == value


@pytest.mark.parametrize(
    ("said", "meant"),
    [('["a","b"]', ("a", "b")), ('"a, b,"', ("a", "b")), ("[]", ()), ('""', ()), ("null", ())],
)
def test_tags_are_read_as_a_list_or_as_a_line(said: str, meant: tuple[str, ...]) -> None:
    found = readings.USERS.listing(f'[{{"name":"u","tags":{said}}}]'.encode(), LIMITS).items[0]
    assert found.tags == meant


def test_an_effective_policy_of_an_older_broker_is_empty_not_unknown() -> None:
    for said, meant in (("[]", {}), ('""', {}), ("{}", {}), ("null", None)):
        body = f'{{"vhost":"/","name":"q","effective_policy_definition":{said}}}'.encode()
        assert readings.QUEUE_NOW.one(body, LIMITS).effective_policy == meant


def test_a_node_that_does_not_watch_its_disk_is_still_a_node() -> None:
    row = b'[{"name":"rabbit@a","running":true,"disk_free":"disk_free_monitoring_disabled","mem_used":5}]'
    listing = readings.NODES.listing(row, LIMITS)
    assert (listing.items[0].disk_free, listing.items[0].mem_used) == (None, 5)


def test_a_missing_figure_is_unknown_and_a_zero_is_zero() -> None:
    rows = b'[{"vhost":"/","name":"a"},{"vhost":"/","name":"b","messages":0}]'
    assert [item.total for item in readings.DEPTHS.listing(rows, LIMITS).items] == [None, 0]
