"""What is known of a pattern before a broker is asked, field by field."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from accessctl.patterns import check as patterns
from accessctl.patterns.check import Matches, check, dialect_of, matches, preview, why_not_pattern
from accessctl.patterns.pcre import Unavailable
from accessctl.patterns.words import in_words


def is_sentence(text: str) -> bool:
    return text[:1].isupper() and text.endswith(".") and text not in (text.upper(), text.lower())


@pytest.fixture
def no_library():
    with patch.object(patterns, "Regex", side_effect=Unavailable):
        yield


def test_nothing_is_a_sound_pattern():
    found = check("")
    assert (found.pattern, found.valid, found.words) == ("", True, in_words(""))
    assert (found.error, found.position, found.notes) == ("", None, ())


@pytest.mark.parametrize(
    ("pattern", "position", "names"),
    [
        ("a\0", 1, "NUL"),
        ("ab\\x00", 2, "NUL"),
        ("a" * 1025, None, "1,025 bytes"),
        ("a\ud800", 1, "Unicode"),
    ],
)
def test_what_no_broker_takes_is_refused_with_its_place(pattern, position, names):
    found = check(pattern, dialect="pcre2")
    assert (found.pattern, found.valid, found.position) == (pattern, False, position)
    assert found.words == in_words(pattern)
    assert names in found.error
    assert is_sentence(found.error)
    assert found.notes == ()
    assert why_not_pattern(pattern) == found.error
    assert preview(pattern, ["a", "b"]) == Matches(0, (), 2, found.error)


def test_what_is_no_regular_expression_is_told_by_the_character():
    found = check("é{username}(", topic=True)
    assert (found.pattern, found.valid, found.position) == ("é{username}(", False, 12)
    assert found.words == in_words("é{username}(")
    assert [note.code for note in found.notes] == ["variables"]
    assert "at character 13" in found.error
    assert is_sentence(found.error)
    assert why_not_pattern("é{username}(") == found.error
    shown = preview("(", ["a", "b"])
    assert (shown.count, shown.sample, shown.of) == (0, (), 2)
    assert is_sentence(shown.refused)
    assert matches("(", "(", dialect="pcre2") is False


def test_where_brokers_differ_the_broker_decides():
    found = check(r"{vhost}[\d-z]", dialect="pcre8", topic=True)
    assert (found.pattern, found.valid) == (r"{vhost}[\d-z]", None)
    assert found.position is not None
    assert found.words == in_words(r"{vhost}[\d-z]")
    assert [note.code for note in found.notes] == ["variables"]
    assert is_sentence(found.error)
    assert why_not_pattern(r"[\d-z]", "pcre8") == ""
    assert matches(r"[\d-z]", "-", dialect="pcre8") is None


def test_without_the_library_nothing_is_checked_and_that_is_said(no_library):
    found = check("^a", topic=True)
    assert (found.pattern, found.valid, found.position) == ("^a", None, None)
    assert found.words == in_words("^a")
    (note,) = found.notes
    assert (note.code, note.sentence) == ("unchecked", found.error)
    assert is_sentence(found.error)
    shown = preview("^a", ["a", "b"])
    assert (shown.count, shown.sample, shown.of) == (0, (), 2)
    assert is_sentence(shown.refused)
    assert why_not_pattern("never seen before") == ""
    assert matches("^a", "a", dialect="pcre2") is None


@pytest.mark.parametrize("call", ["(?R)", "(?&n)(?<n>a)", "(?P>n)(?<n>a)", "(a)(?-1)", "(?+1)(a)",
                                  r"(?<n>a)\g<n>", "(a)(?1)", "(a)(?0)"])  # fmt: skip
def test_a_pattern_that_calls_itself_is_sound_only_where_the_dialect_is_known(call):
    sure, unsure = check(call, dialect="pcre2"), check(call, dialect="pcre8")
    assert sure.valid is True
    assert sure.error == ""
    assert (unsure.pattern, unsure.valid, unsure.position) == (call, None, None)
    assert unsure.words == in_words(call)
    assert is_sentence(unsure.error)
    assert "recursion" in [note.code for note in sure.notes]
    assert check(call).valid is None
    assert matches(call, "x", dialect="pcre8") is None
    assert matches("^(?:a|(?R))$", "a", dialect="pcre2") is True


@pytest.mark.parametrize(
    ("pattern", "codes"),
    [
        ("^a$", []),
        ("a", ["unanchored"]),
        ("^a.b$", ["dot"]),
        ("a.b", ["unanchored", "dot"]),
        ("^(a+)+$", ["runaway"]),
        ("^(-+)+$", ["runaway"]),
        ("^(b+)+$", ["runaway"]),
        ("^(a+){9}", ["nested"]),
        ("^(?R)?a", ["recursion"]),
    ],
)
def test_what_is_to_be_thought_of_is_told_in_sentences(pattern, codes):
    found = check(pattern)
    assert [note.code for note in found.notes] == codes
    assert all(is_sentence(note.sentence) for note in found.notes)
    assert found.risky is bool({"runaway", "nested"} & set(codes))


@pytest.mark.parametrize("name", ["{username}", "{vhost}", "{client_id}"])
def test_each_variable_of_a_topic_is_explained(name):
    (note,) = check(f"^{name}-", topic=True).notes
    assert (note.code, note.sentence.startswith(f"{name} stands for the ")) == ("variables", True)
    assert "XX" not in note.sentence
    assert check("^{user}-", topic=True).notes == ()
    both = check("^{vhost}.{username}-", topic=True).notes[0].sentence
    assert both.index("{username}") < both.index("; {vhost}")


@pytest.mark.parametrize(
    ("version", "dialect"),
    [("27.3.4", "pcre8"), ("28.0", "pcre2"), ("28", "pcre2"), ("R16", None), ("２８", None)],
)
def test_the_dialect_is_that_of_the_brokers_erlang(version, dialect):
    assert dialect_of(version) == dialect


def test_a_preview_has_twenty_names_and_the_dialect_it_is_asked_in():
    names = [f"a{number}" for number in range(30)]
    assert preview("^a", names) == Matches(30, tuple(names[:20]), 30)
    assert preview("^a", names, 0) == Matches(30, (), 30)
    assert preview("", ["", "XX"]) == Matches(1, ("",), 2)
    assert preview(r"^\i$", ["i"], dialect="pcre8").count == 1
    assert preview(r"^\i$", ["i"], dialect="pcre2").refused is not None
    late = preview("^a", names, budget=-1)
    assert (late.count, late.of) == (0, 30)
    assert "0 of 30" in late.refused


def test_no_pattern_is_the_pattern_of_nothing():
    assert matches("", "", dialect="pcre2") is True
    assert matches("", "a", dialect="pcre2") is False


def test_a_letter_is_itself_in_a_literal():
    assert patterns.literal("aX.é") == r"aX\.é"
