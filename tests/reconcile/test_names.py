"""Which names are refused, each with its field, and which are only pointed out."""

from __future__ import annotations

import pytest

from console.kinds.common.kind import SpecError
from console.kinds.common.names import MOST_BYTES, check_name, name_warnings


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        ("vhost", "", "Enter a name"),
        ("vhost", ".", "only of dots (.)"),
        ("vhost", "..", "only of dots (..)"),
        ("queue", "a\tb", "control characters"),
        ("queue", "a\n", "control characters"),
        ("queue", "\0", "control characters"),
        ("queue", "a\x7f", "control characters"),
        ("queue", "\x85", "control characters"),
        ("queue", "a\ud800", "isn't valid Unicode"),
        ("queue", "a\ufffd", "isn't valid UTF-8"),
        ("queue", "a" * 256, "256 bytes"),
        ("queue", "é" * 128, "256 bytes"),
        ("user", "a:b", "colon"),
        ("queue", "amq.mine", "reserves"),
        ("exchange", "amq.mine", "reserves"),
    ],
)
def test_a_name_that_means_something_else_to_rabbitmq_is_refused(kind, name, told):
    with pytest.raises(SpecError) as refused:
        check_name(kind, name)
    sentence = str(refused.value)
    assert refused.value.field == "name"
    assert told in sentence
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    if name:
        with pytest.raises(SpecError) as elsewhere:
            check_name(kind, name, "routing_key")
        assert elsewhere.value.field == "routing_key"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("vhost", "/"),
        ("vhost", "..."),
        ("vhost", "a.b"),
        ("vhost", "a:b"),
        ("vhost", "amq.mine"),
        ("user", "amq.mine"),
        ("queue", "amqp"),
        ("queue", "mine.amq."),
        ("queue", " a b "),
        ("queue", "a" * MOST_BYTES),
        ("queue", "\u202e\u200b"),
        ("queue", "%2F?x#y\\"),
    ],
)
def test_a_name_that_is_only_odd_is_taken_as_it_is(kind, name):
    assert check_name(kind, name) == name


@pytest.mark.parametrize("field", ["routing_key", "arguments", "source"])
def test_only_parts_of_a_binding_may_be_empty(field):
    assert check_name("binding", "", field) == ""
    with pytest.raises(SpecError) as refused:
        check_name("binding", "", "destination")
    assert refused.value.field == "destination"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a", []),
        ("é", []),
        (" a", ["begins or ends with a space"]),
        ("a ", ["begins or ends with a space"]),
        ("e\u0301", ["usual Unicode form"]),
        ("a\u200bb", ["invisible"]),
        ("a\u202eb", ["invisible"]),
        (" e\u0301\u200b", ["space", "usual Unicode form", "invisible"]),
    ],
)
def test_what_a_reader_may_overlook_in_a_name_is_pointed_out(name, told):
    found = name_warnings(name)
    assert len(found) == len(told)
    for sentence, part in zip(found, told, strict=True):
        assert part in sentence
        assert sentence.startswith("The name ")
        assert sentence.endswith((".", "same."))
