"""A pattern in plain words, and what is read off its text: a table of cases, none of them matched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accessctl.patterns.words import (
    ANY_CHARACTER,
    UNANCHORED,
    PatternWords,
    _tokens,
    in_words,
    repeats_in_repeats,
)

MATCH = "names that match"


@pytest.mark.parametrize("pattern", [".*", "^.*", ".*$", "^.*$", "(.*)", "^(.*)$", "^", "$", "^a$|.*", "a|.*"])  # fmt: skip
def test_what_matches_every_name_is_everything(pattern):
    assert in_words(pattern) == PatternWords("everything", "all")
    assert in_words(pattern).note == ""


@pytest.mark.parametrize("pattern", ["", "^$", "$^"])
def test_what_matches_no_name_is_nothing(pattern):
    assert in_words(pattern) == PatternWords("nothing", "nothing")


@pytest.mark.parametrize(
    ("pattern", "words", "anchored", "any_character"),
    [
        ("orders", "names that contain orders", False, False),
        ("^orders", "names that begin with orders", True, False),
        ("^orders$", "only orders", True, False),
        ("orders$", "names that end with orders", False, False),
        (".*orders", "names that contain orders", True, False),
        (".*orders$", "names that end with orders", True, False),
        ("^.*orders", MATCH, True, False),
        ("^orders.*", "names that begin with orders", True, False),
        (r"^orders\.", "names that begin with orders.", True, False),
        (r"^orders\.$", "only orders.", True, False),
        (r"^orders\.*", MATCH, True, False),
        (r"^orders\$", "names that begin with orders$", True, False),
        ("^a|^b", "names that begin with a or b", True, False),
        ("^a|b", "names that begin with a, or that contain b", False, False),
        ("a|b|c", "names that contain a, b or c", False, False),
        ("^a$|^b$", "only a or b", True, False),
        ("^a$|b$", "names that are a, or that end with b", False, False),
        ("^a$|^b$|c$", "names that are a or b, or that end with c", False, False),
        ("^a|^b$", "names that begin with a, or that are b", True, False),
        ("^(a|b)$", "only a or b", True, False),
        ("^(a|b)", "names that begin with a or b", True, False),
        ("^(a|b).*", "names that begin with a or b", True, False),
        ("^(a|b).*$", "names that begin with a or b", True, False),
        ("^(?:a|b)$", "only a or b", True, False),
        ("^(?:a|b).*", "names that begin with a or b", True, False),
        ("^(?!a|b)$", MATCH, True, False),
        ("^((a)|b)$", MATCH, True, False),
        ("^(a|b)c$", MATCH, True, False),
        ("^(a|b|)$", MATCH, True, False),
        ("^(a", MATCH, True, False),
        ("(^a|^b)", MATCH, True, False),
        ("(a|b)$|c", MATCH, False, False),
        ("(a|b)|c", MATCH, False, False),
        (r"^a\|b$", "only a|b", True, False),
        ("^[|]$", MATCH, True, False),

        (r"\Aa", MATCH, True, False),
        ("^a.b", MATCH, True, True),
        ("^a.", MATCH, True, True),
        ("^a..*", MATCH, True, True),
        ("^a.?b", MATCH, True, False),
        ("^a.+b", MATCH, True, False),
        ("^a.+?b.*c", MATCH, True, False),
        ("^a.{2}b", MATCH, True, False),
        ("^a.{2,}b", MATCH, True, False),
        (r"^a\.b", "names that begin with a.b", True, False),
        ("^a[.]b", MATCH, True, False),
        ("^[a]$", MATCH, True, False),
        (r"^\d$", MATCH, True, False),
        (r"^a\-b$", "only a-b", True, False),
        ("^a\\", MATCH, True, False),
        ("^é$", "only é", True, False),
        (r"^\é$", MATCH, True, False),
        (f"^{'x' * 80}$", f"only {'x' * 80}", True, False),
        (f"^{'x' * 81}$", MATCH, True, False),
        ("^(a|a|b)$", "only a or b", True, False),
        ("^(a|b|c|d|e|f)$", "only a, b, c, d, e or f", True, False),
        ("^(a|b|c|d|e|f|g)$", "only a, b, c, d, e, f or g", True, False),
        ("^(a|b|c|d|e|f|g|h)$", "only a, b, c, d, e, f or one of 2 more", True, False),
    ],
)  # fmt: skip
def test_a_pattern_is_put_into_words_with_what_is_easily_overlooked(
    pattern, words, anchored, any_character
):
    assert in_words(pattern) == PatternWords(words, "some", anchored, any_character)
    note = "" if anchored and not any_character else ANY_CHARACTER if anchored else UNANCHORED
    assert in_words(pattern).note == note


@pytest.mark.parametrize(
    ("pattern", "kind", "told"),
    [
        (".*,", "some", "The comma is part of the pattern"),
        ("orders,invoices", "some", "Write | between alternatives"),
        ("''", "some", "The quotes are part of the pattern"),
        ('".*"', "some", "The quotes are part of the pattern"),
        ("^foo|", "all", "an empty alternative, which matches every name"),
        ("|", "all", "an empty alternative, which matches every name"),
        ("|^foo", "all", "an empty alternative, which matches every name"),
        (" ^foo", "some", "begins or ends with a space"),
        ("^(foo|)$", "some", ""),
        ("^a{1,3}$", "some", ""),
        ("^[a,b]$", "some", ""),
        (r"^(a,b)$", "some", ""),
        ("^foo.*|^bar", "some", ""),
        ("", "nothing", ""),
        (".*", "all", ""),
    ],
)
def test_a_pattern_that_cant_mean_what_was_meant_gets_a_sentence(pattern, kind, told):
    said = in_words(pattern)
    assert said.kind == kind
    assert (told in said.slips[0]) if told else not said.slips


@pytest.mark.parametrize(
    ("pattern", "tokens"),
    [
        ("", []),
        ("ab", ["other a", "other b"]),
        (r"\(\\", [r"other \(", r"other \\"]),
        ("a\\", ["other a", "other \\"]),
        ("(a)|.", ["open (", "other a", "close )", "alternative |", "dot ."]),
        ("(?>a)", ["open (?>", "other a", "close )"]),
        ("(?:a)", ["open (", "other ?", "other :", "other a", "close )"]),
        ("*+", ["repeat *+"]),
        ("a*b+", ["other a", "repeat *", "other b", "repeat +"]),
        ("a*?b++c+?d**", ["other a", "repeat *?", "other b", "repeat ++", "other c", "repeat +?",
                          "other d", "repeat *", "repeat *"]),
        ("[(|)]x", ["other [(|)]", "other x"]),
        ("[]a]x", ["other []a]", "other x"]),
        ("[^]a]x", ["other [^]a]", "other x"]),
        ("[^a]]", ["other [^a]", "other ]"]),
        (r"[\]a]x", [r"other [\]a]", "other x"]),
        (r"[a\\]x", [r"other [a\\]", "other x"]),
        ("[[:alpha:]]x", ["other [[:alpha:]]", "other x"]),
        ("[[:alpha:]_]x", ["other [[:alpha:]_]", "other x"]),
        ("[a[:alpha]x", ["other [a[:alpha]", "other x"]),
        ("[[a]x", ["other [[a]", "other x"]),
        ("(a[b", ["open (", "other a", "other [b"]),
        ("a{2}b", ["other a", "other {2}", "other b"]),
        ("a{2,8}b", ["other a", "other {2,8}", "other b"]),
        ("a{2,9}b", ["other a", "repeat {2,9}", "other b"]),
        ("a{9}b", ["other a", "repeat {9}", "other b"]),
        ("a{2,}b", ["other a", "repeat {2,}", "other b"]),
        ("a{,3}", ["other a", "other {", "other ,", "other 3", "other }"]),
        ("{a}", ["other {", "other a", "other }"]),
        ("{1,2,3}", ["other {", "other 1", "other ,", "other 2", "other ,", "other 3", "other }"]),
        ("{1", ["other {", "other 1"]),
        ("{}", ["other {", "other }"]),
        ("{123456,789012}", ["repeat {123456,789012}"]),
        ("{1234567890123}", ["other {", *(f"other {digit}" for digit in "1234567890123"), "other }"]),
    ],
)  # fmt: skip
def test_a_pattern_is_read_piece_by_piece(pattern, tokens):
    assert [f"{kind} {text}" for kind, text in _tokens(pattern)] == tokens


@given(st.text("ab[]()^\\|.*+?{},:19") | st.text())
def test_no_character_of_a_pattern_is_lost_or_read_twice(pattern):
    assert "".join(text for _, text in _tokens(pattern)) == pattern
    assert in_words(pattern).words


@pytest.mark.parametrize(
    ("pattern", "nested"),
    [
        ("(a+)+", True),
        ("(a*)*", True),
        ("(a+)*b", True),
        ("(a{2,})+", True),
        ("(a+){2,}", True),
        ("(a+){9}", True),
        ("(a+?)+", True),
        ("(a+)+?", True),
        ("((a+))+", True),
        ("((a+)b)+", True),
        ("(?:a+)+", True),
        ("(a|b+)+", True),
        ("x(a+)+", True),
        ("(a)(b+)+", True),
        ("((a)+)+", True),
        ("(a+)", False),
        ("(a+)b+", False),
        ("(a+)?", False),
        ("(a+){2}", False),
        ("(a+)|b+", False),
        ("a+b+", False),
        ("(a)+", False),
        ("((a)b)+", False),
        ("(a+)(b)+", False),
        ("([+])+", False),
        (r"(\+)+", False),
        ("(?>a+)+", False),
        ("(a++)+", False),
        ("(a*+)+", False),
        ("(a+)++", False),
        ("((?>a+)b)+", True),
        ("a)+", False),
        ("(a+))+", False),
        ("", False),
    ],
)
def test_a_repeat_of_what_repeats_is_found(pattern, nested):
    assert repeats_in_repeats(pattern) is nested
