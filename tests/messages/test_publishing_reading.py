"""Whatever JSON describes a message: it is read exactly, or refused at a field. Nothing else happens."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import InvalidField
from vhosts.messages.publishing.batches.read import read_line
from vhosts.messages.publishing.form import body_of
from vhosts.messages.publishing.headers.scalars import TYPES
from vhosts.messages.publishing.headers.values import (
    CHOICES,
    as_json,
    as_text,
    for_router,
    read_headers,
    read_text,
)
from vhosts.messages.publishing.message import PROPERTIES, read_message

texts = st.text(max_size=20) | st.sampled_from(
    ["", "\0", "\ud800", "x" * 300, "12", "1e999", "AA=="]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts


def tagged(inner: Any) -> Any:
    return st.fixed_dictionaries({"$type": st.sampled_from([*TYPES, "no"]) | inner, "value": inner})


values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3) | tagged(inner)
    ),
    max_leaves=8,
)
FIELDS = ["exchange", "routing_key", "properties", "headers", "payload", "payload_base64", "delay"]
messages = values | st.dictionaries(
    st.sampled_from(FIELDS) | texts,
    values
    | st.dictionaries(st.sampled_from(PROPERTIES) | texts, values, max_size=4)
    | st.dictionaries(texts, tagged(values), max_size=3),
    max_size=5,
)


@given(messages)
def test_a_message_is_read_or_refused_at_a_field(data: Any) -> None:
    for read in (lambda: read_message(data), lambda: read_line(json.dumps(data).encode(), "")):
        try:
            found = read()
        except InvalidField as error:
            faults = f"{error.field} {error.message}"
            assert faults.encode()
            continue
        assert found.wire().encode()
        json.dumps(for_router(found.headers))
        assert read_headers(as_json(found.headers)) == found.headers


@given(st.binary(max_size=200))
def test_a_line_of_any_bytes_is_read_or_refused(text: bytes) -> None:
    with pytest.raises(InvalidField):
        read_line(b"[" + text, "")


@given(
    st.sampled_from(list(CHOICES)), st.text(max_size=40) | st.sampled_from(["[1.5]", "1", "1.25"])
)
def test_what_is_typed_is_read_and_shown_again_or_refused(kind: str, text: str) -> None:
    try:
        found = read_text(kind, text, "header")
    except InvalidField:
        return
    again = as_text(found)
    assert again[0] == kind
    assert read_text(*again, "header") == found


@given(st.sampled_from(["text", "json", "base64", "hex", "nope"]), st.text(max_size=60))
def test_a_body_of_any_text_is_read_or_refused(as_format: str, text: str) -> None:
    with suppress(InvalidField):
        assert isinstance(body_of(as_format, text), bytes)


@pytest.mark.parametrize("depth", [17, 900, 100_000])
def test_deep_json_is_refused(depth: int) -> None:
    nested = "[" * depth + "]" * depth
    with pytest.raises(InvalidField):
        read_line(f'{{"headers": {{"a": {nested}}}}}'.encode(), "")
    with pytest.raises(InvalidField, match="deep"):
        read_text("json", nested, "header")
