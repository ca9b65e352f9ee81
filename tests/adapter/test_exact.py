"""Properties keep the bytes they arrived in; edits leave everything else alone."""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import Any

import pika
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import frame, spec

from console.rabbitmq.amqp.message import Message
from console.rabbitmq.amqp.properties import fingerprint
from console.rabbitmq.amqp.properties.exact import (
    FIELDS,
    ExactProperties,
    exact,
    properties_of,
    register,
)
from console.rabbitmq.amqp.properties.fields import TYPES, BadField, Typed, decode, encode

_RANGES = {
    "b": (-(2**7), 2**7 - 1), "B": (0, 2**8 - 1), "s": (-(2**15), 2**15 - 1),
    "U": (-(2**15), 2**15 - 1), "u": (0, 2**16 - 1), "I": (-(2**31), 2**31 - 1),
    "i": (0, 2**32 - 1), "l": (-(2**63), 2**63 - 1), "L": (-(2**63), 2**63 - 1),
    "T": (0, 2**64 - 1),
}  # fmt: skip
_DECIMALS = st.builds(
    lambda number, places: Decimal(number).scaleb(-places),
    st.integers(-(2**31), 2**31 - 1), st.integers(0, 255),
)  # fmt: skip


def _typed(letter: str, values: Any) -> Any:
    return st.builds(Typed, st.just(letter), values)


SCALARS = st.one_of(
    *(_typed(letter, st.integers(low, high)) for letter, (low, high) in _RANGES.items()),
    _typed("t", st.booleans()),
    _typed("f", st.floats(width=32, allow_nan=False)),
    _typed("d", st.floats(allow_nan=False)),
    _typed("D", _DECIMALS),
    _typed("S", st.text(st.characters(codec="utf-8"), max_size=40)),
    _typed("x", st.binary(max_size=40)),
    _typed("V", st.none()),
)
NAMES = st.text(st.characters(codec="utf-8"), max_size=40)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        _typed("A", st.lists(inner, max_size=4)),
        _typed("F", st.lists(st.tuples(NAMES, inner), max_size=4)),
    ),
    max_leaves=12,
)
TABLES = st.lists(st.tuples(NAMES, VALUES), max_size=6, unique_by=lambda pair: pair[0])


def test_every_type_is_generated() -> None:
    assert set(TYPES) == {*_RANGES, *"tfdDSxVAF"}


@given(VALUES)
def test_a_value_of_every_type_survives(value: Typed) -> None:
    data = encode(value)
    assert encode(decode(data)) == data
    assert decode(data).plain == value.plain


@given(TABLES, st.integers(0, 5), VALUES)
def test_an_edit_leaves_every_other_header_byte_identical(
    table: list[tuple[str, Typed]], number: int, new: Typed
) -> None:
    properties = properties_of({"message_id": "m", "priority": 3}, table)
    gone = table[number][0] if number < len(table) else "x-warren-none"
    edited = properties.edited(headers={"x-new": new}, without_headers=[gone])
    rest = [(name, encode(value)) for name, value in table if name not in (gone, "x-new")]
    assert [(n, encode(v)) for n, v in edited.fields] == [*rest, ("x-new", encode(new))]
    assert edited.message_id == "m"
    assert edited.priority == 3


@given(TABLES)
def test_what_arrives_leaves_as_the_same_bytes(table: list[tuple[str, Typed]]) -> None:
    register()
    raw = b"".join(properties_of({"app_id": "a", "timestamp": 2**64 - 1}, table).encode())
    header = struct.pack(">HxxQ", spec.BasicProperties.INDEX, 5) + raw
    data = struct.pack(">BHI", spec.FRAME_HEADER, 1, len(header)) + header + b"\xce"
    size, decoded = frame.decode_frame(data)
    assert size == len(data)
    assert decoded.marshal() == data


def test_pika_looks_up_the_class_of_properties_in_this_table() -> None:
    """Guards pika's internals: all messages get their properties from here."""
    register()
    assert spec.props == {spec.BasicProperties.INDEX: ExactProperties}
    assert {f"FLAG_{name.upper()}" for name in FIELDS} == {
        name for name in vars(spec.BasicProperties) if name.startswith("FLAG_")
    }
    for number, name in enumerate(FIELDS):
        assert getattr(spec.BasicProperties, f"FLAG_{name.upper()}") == 1 << (15 - number)


def test_reads_like_pikas_own() -> None:
    given = {
        "content_type": "text/plain", "content_encoding": "gzip", "headers": {"a": 1, "b": "é"},
        "delivery_mode": 2, "priority": 9, "correlation_id": "c", "reply_to": "r",
        "expiration": "60000", "message_id": "m", "timestamp": 1, "type": "t", "user_id": "u",
        "app_id": "a", "cluster_id": "k",
    }  # fmt: skip
    found = exact(pika.BasicProperties(**given))
    assert {name: getattr(found, name) for name in FIELDS} == given
    assert found.encode() == [b"".join(pika.BasicProperties(**given).encode())]
    assert exact(pika.BasicProperties()).headers is None


def test_floats_keep_their_digits_and_times_their_range() -> None:
    table = [("f", Typed("d", 0.1)), ("t", Typed("T", 2**63))]
    assert properties_of({}, table).headers == {"f": 0.1, "t": 2**63}


def test_what_makes_no_sense_is_kept_and_reads_as_nothing() -> None:
    for raw in (b"", b"\0", b"\x20\0\0\0\0\5\1a", b"\x20\0\0\0\0\3\1aQ", b"\xff\xff"):
        found = ExactProperties().decode(raw)
        assert found.encode() == [raw]
        assert found.headers in (None, {})
        assert found.message_id is None


def test_a_header_is_renamed_with_its_bytes() -> None:
    found = properties_of({}, [("a", Typed("s", 7)), ("b", Typed("b", 1))])
    edited = found.edited(renamed={"a": "x-a"}, without=["expiration"])
    assert [(n, v.letter, v.value) for n, v in edited.fields] == [("x-a", "s", 7), ("b", "b", 1)]


def test_received_properties_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        exact(pika.BasicProperties()).headers = {}


@pytest.mark.parametrize(
    ("letter", "value"),
    [("b", 128), ("I", 2**31), ("S", 5), ("D", "no"), ("?", 1), ("D", Decimal("NaN")), ("F", "x")],
)
def test_a_value_that_does_not_fit_is_refused(letter: str, value: Any) -> None:
    with pytest.raises(BadField):
        encode(Typed(letter, value))


def test_a_fingerprint_cannot_be_computed_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is shown to readers of whom masks hide parts of the message."""
    message = Message("", "k", False, properties_of({}), b"4711")
    here = fingerprint.fingerprint(message)
    monkeypatch.setattr(fingerprint, "_key", b"another")
    assert fingerprint.fingerprint(message) != here
