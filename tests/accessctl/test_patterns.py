"""Patterns of permissions: checked, put into words and previewed, without ever running away."""

from __future__ import annotations

import urllib.error
from typing import Any

import pytest

from accessctl.patterns.check import beginning_with, check, dialect_of, literal, matches, preview
from accessctl.patterns.pcre import Regex, TooCostly
from accessctl.patterns.words import in_words

RUNAWAYS = [r"^(a+)+$", r"^(a|a)*$", r"^(.*a){12}$", r"(a*)*b|.*x", "a?" * 400 + "a" * 40]
HUGE = [r"((a{100}){100}){100}", "(a?){60000}"]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (".*", "everything"),
        ("", "nothing"),
        ("^$", "nothing"),
        (r"^orders\..*", "names that begin with orders."),
        ("^orders", "names that begin with orders"),
        ("orders", "names that contain orders"),
        (r".*\.log$", "names that end with .log"),
        ("^a$", "only a"),
        ("^(a|b|c)$", "only a, b or c"),
        ("^a$|^b$", "only a or b"),
        (r"^(amq\.gen.*|amq\.default)$", "names that begin with amq.gen, or that are amq.default"),
        ("^a$|.*", "everything"),
        ("^[a-z]+$", "names that match"),
        ("^a.b$", "names that match"),
        ("^(a(b|c))$", "names that match"),
        ("^" + "x" * 200, "names that match"),
    ],
)
def test_words_say_what_a_pattern_means(pattern: str, words: str) -> None:
    assert in_words(pattern).words == words


@pytest.mark.parametrize(
    ("pattern", "position"),
    [("(", 1), ("[", 1), ("*a", 0), ("\\", 1), ("(?#", 3), ("é(", 2), ("x**", 2), ("a\0b", 1)],
)
def test_what_is_no_regular_expression_is_refused_with_its_place(
    pattern: str, position: int
) -> None:
    for dialect in ("pcre8", "pcre2"):
        found = check(pattern, dialect=dialect)
        assert found.valid is False
        assert found.position == position
        assert found.error.endswith(".")


def test_a_pattern_has_at_most_1024_bytes_of_utf_8() -> None:
    assert check("a" * 1024).valid is True
    assert check("a" * 1025).valid is False
    assert check("é" * 512).valid is True
    assert check("é" * 512 + "a").valid is False


@pytest.mark.parametrize("pattern", RUNAWAYS)
def test_a_runaway_is_flagged_and_its_preview_given_up(pattern: str) -> None:
    assert check(pattern).risky
    found = preview(pattern, ["a" * 60 + f"{number}!" for number in range(10_000)])
    assert found.refused is not None
    assert found.of == 10_000


def test_a_match_beyond_the_limit_is_said_not_guessed() -> None:
    with pytest.raises(TooCostly):
        Regex("^(a+)+$").matches("a" * 40 + "!")


def test_a_pattern_cannot_lift_the_limit_itself() -> None:
    with pytest.raises(TooCostly):
        Regex("(*LIMIT_MATCH=4000000000)(*LIMIT_DEPTH=4000000000)^(a+)+$").matches("a" * 40 + "!")


@pytest.mark.parametrize("pattern", HUGE)
def test_a_pattern_that_grows_too_large_is_refused(pattern: str) -> None:
    assert check(pattern).valid is False
    assert preview(pattern, ["a"] * 10_000).refused


@pytest.mark.parametrize("pattern", [r"^orders\..*", "^(a|b)*$", "^[a-z]+$", "(?>a+)+", "(a++)*"])
def test_an_ordinary_repeat_is_not_called_risky(pattern: str) -> None:
    assert not check(pattern).risky


@pytest.mark.parametrize(
    ("pattern", "unanchored"),
    [("orders", True), ("^a|b", True), ("^a|^b", False), (".*orders", False), ("^(a|b)", False)],
)
def test_a_pattern_that_matches_in_the_middle_is_warned_of(pattern: str, unanchored: bool) -> None:
    codes = [note.code for note in check(pattern).notes]
    assert ("unanchored" in codes) is unanchored


def test_a_bare_dot_is_pointed_out() -> None:
    assert "dot" in [note.code for note in check("^orders.eu$").notes]
    assert "dot" not in [note.code for note in check(r"^orders\.eu.*$").notes]


def test_a_topic_pattern_explains_its_variables_and_puts_nothing_in() -> None:
    found = check("^{username}-.*", topic=True)
    assert [note.code for note in found.notes] == ["variables"]
    assert "user's name" in found.notes[0].sentence
    assert check("^{username}-.*").notes == ()
    assert preview("^{username}$", ["alice"]).count == 0


def test_a_preview_counts_all_and_shows_the_first() -> None:
    names = [f"orders.{number}" for number in range(5_000)] + ["other"] * 5_000
    found = preview(r"^orders\.", names, 3)
    assert (found.count, found.of, found.refused) == (5_000, 10_000, None)
    assert found.sample == ("orders.0", "orders.1", "orders.2")
    assert preview("", ["", "a"]).count == 1  # the broker makes ^$ of it
    assert preview(".*", []).count == 0


def test_matching_is_that_of_erlang_not_of_python() -> None:
    # Bytes, in ISO Latin-1: the second byte of é is no letter, that of ö no letter either, Ã is.
    assert matches("^.$", "é") is False
    assert matches("^..$", "é") is True
    assert matches(r"^\w", "é") is True
    assert matches(r"^\w+$", "é") is False
    assert matches("^[[:alpha:]]+$", "abc") is True
    assert matches("^[[:alpha:]]+$", ":") is False
    assert matches("^a$", "a\n") is True
    assert matches(r"(?<n>a)\K\h?", "a") is True


def test_where_the_dialects_differ_only_the_brokers_own_counts() -> None:
    assert dialect_of("25.2.3") == "pcre8"
    assert dialect_of("29.1.1") == "pcre2"
    assert dialect_of("") is None
    assert check(r"\i", dialect="pcre8").valid is True
    assert check(r"\i", dialect="pcre2").valid is False
    assert matches(r"^\i$", "i", dialect="pcre8") is True
    assert matches(r"^\i$", "i", dialect="pcre2") is False
    assert matches(r"^\i$", "i") is None
    assert check(r"[\d-z]", dialect="pcre8").valid is None
    assert check("(?R)", dialect="pcre8").valid is None
    assert check("(?R)", dialect="pcre2").valid is True


@pytest.mark.parametrize("name", ["a.b", "x[1]", "50%", "a|b", "q{u}", "a-b", "ü*", "tab\tname"])
def test_a_literal_matches_itself_and_nothing_like_it(name: str) -> None:
    assert matches(f"^{literal(name)}$", name) is True
    assert matches(f"^{literal(name)}$", name + "x") is False
    assert matches(beginning_with(name), name + "x") is True
    assert matches(beginning_with(name), "x" + name) is False


VERDICTS = [
    "(", "[", "*a", "\\", "(?#", "a{2,1}", "x**", r"\i", r"\K", r"\pL", "(*UTF)a", "(?<n>a)",
    "(?P<n>a)", "(?|a)", "[[:alpha:]]", "[[:nope:]]", "^(a+)+$", "(a{255}){255}",
    "((a{100}){100}){100}", r"\Qabc", "[a-", "(?i)a", "a" * 1024, r"\x{100}", "{username}", ")",
    "(?R)", r"[\d-z]", "(?<=a{1,3})b",
]  # fmt: skip


def test_the_broker_takes_and_refuses_the_same_patterns(
    live_broker: Any, scratch_vhost: Any
) -> None:
    """The one that decides is the broker: what we are certain of must be what it says."""
    dialect = dialect_of(live_broker.call("GET", "overview")["erlang_version"])
    wrong = []
    for pattern in VERDICTS:
        try:
            live_broker.call(
                "PUT",
                "permissions",
                scratch_vhost.name,
                live_broker.username,
                body={"configure": pattern, "write": ".*", "read": ".*"},
            )
            taken = True
        except urllib.error.HTTPError as error:
            assert error.code == 400  # noqa: PT017
            taken = False
        found = check(pattern, dialect=dialect)
        if found.valid not in (None, taken):
            wrong.append((pattern, taken, found.error))
    assert wrong == []
