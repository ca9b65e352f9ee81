from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from accessctl import globs
from vhosts.models import VirtualHost

_NAMES = st.text("ab/*%_\\", max_size=8)


def _all(letters: str, most: int) -> list[str]:
    """Every text of these letters up to a length, the shortest first."""
    return ["".join(text) for size in range(most + 1) for text in product(letters, repeat=size)]


def _takes(pattern: str, name: str) -> bool:
    """The same question asked of another matcher. No pattern at all is that of all names: a form that
    was left empty means all virtual hosts, and is stored as `*`."""
    if pattern == "":
        return True
    wanted = ".*".join(map(re.escape, pattern.split("*")))
    return re.fullmatch(wanted, name, re.DOTALL) is not None


@given(_NAMES, st.text("ab/%_\\", max_size=8))
def test_a_star_stands_for_any_run_of_characters(pattern: str, name: str) -> None:
    assert globs.matches(pattern, name) is _takes(pattern, name)


@given(_NAMES, _NAMES, st.text("ab/%_\\", max_size=8))
def test_what_is_contained_matches_nothing_more(outer: str, inner: str, name: str) -> None:
    if globs.contains(outer, inner) and globs.matches(inner, name):
        assert globs.matches(outer, name)


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        # One place of a name serves one part only: parts neither overlap each other …
        ("*aba*ba*", "aba", False),
        ("*aba*ba*", "ababa", True),
        ("*ab*ab*", "ab", False),
        ("*ab*ab*", "xabyabz", True),
        ("*a*a*a*", "aa", False),
        ("*aa*aa*", "aaa", False),
        ("*aa*aa*", "aaaa", True),
        # … nor the beginning …
        ("ab*b*", "ab", False),
        ("ab*b*", "abb", True),
        ("ab*ab*c", "abc", False),
        # … nor the end.
        ("*b*bc", "bc", False),
        ("*b*bc", "bbc", True),
        ("a*ab*b", "aab", False),
        ("a*ab*b", "aabb", True),
        ("aa*aa", "aaa", False),
        ("aa*aa", "aaaa", True),
        # The order counts, and the earliest place leaves room for what follows.
        ("*a*b*", "ba", False),
        ("*a*b*", "aab", True),
        ("*ab*b*", "abab", True),
        ("*team-*-red*", "team-red", False),
        ("/team-*-red", "/team-red", False),
        ("/team-*-red", "/team--red", True),
    ],
)
def test_parts_between_stars_do_not_overlap(pattern: str, name: str, expected: bool) -> None:
    assert globs.matches(pattern, name) is expected
    assert globs.contains(pattern, name) is expected
    assert _takes(pattern, name) is expected


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        ("*", "*", True),
        ("*", "a*", True),
        ("**", "*", True),
        ("a*", "*", False),
        ("*a*", "**", False),
        ("a*", "a*", True),
        ("a*", "ab*", True),
        ("ab*", "a*", False),
        ("*ab*ab*", "*ab*", False),
        ("*ab*", "*ab*ab*", True),
        ("*aba*", "*ab*ba*", False),
        ("*a*b*", "*ab*", True),
        ("*ab*", "*a*b*", False),
        ("/team-*", "/team-*-red", True),
        ("/team-*-red", "/team-*", False),
        ("", "", True),
        ("", "*", True),
        ("a", "", False),
    ],
)
def test_a_grant_holds_what_is_within_it_and_not_more(
    outer: str, inner: str, expected: bool
) -> None:
    assert globs.contains(outer, inner) is expected


@pytest.mark.parametrize("most", [5, pytest.param(7, marks=pytest.mark.long)])
def test_every_short_pattern_matches_as_another_matcher_says(most: int) -> None:
    names = _all("ab", most + 1)
    wrong = [
        (pattern, name)
        for pattern in _all("ab*", most)
        for name in names
        if globs.matches(pattern, name) is not _takes(pattern, name)
    ]
    assert wrong == []


def test_of_every_two_short_patterns_one_contains_the_other_exactly_where_its_names_do() -> None:
    """`z` stands for every letter that a pattern doesn't name: where the outer pattern takes all names
    of the inner one over a, b and z, it takes all names."""
    names = _all("abz", 4)
    taken = {
        pattern: sum(1 << at for at, name in enumerate(names) if _takes(pattern, name))
        for pattern in _all("ab*", 5)
    }
    wrong = [
        (outer, inner)
        for inner in _all("ab*", 4)
        for outer, names_of in taken.items()
        if globs.contains(outer, inner) is not (taken[inner] & ~names_of == 0)
    ]
    assert wrong == []


@given(
    st.lists(st.text("ab", min_size=1, max_size=3), min_size=2, max_size=6),
    st.text("ab", max_size=14),
)
@example(["", "aba", "ba", ""], "aba")
def test_many_parts_match_as_another_matcher_says(parts: list[str], name: str) -> None:
    pattern = "*".join(parts)
    assert globs.matches(pattern, name) is _takes(pattern, name)
    assert globs.matches(f"*{pattern}*", name) is _takes(f"*{pattern}*", name)


@pytest.mark.parametrize(
    "pattern",
    ["/team-*", "*red", "/t*m-*d", "/team-red", "*", "/te%", "/team_red", "\\*", "/TEAM-*"],
)
def test_postgres_matches_as_python_does(cast, pattern) -> None:
    names = ["/", "/team-red", "/team-blue", "/te%", "/team_red", "\\x"]
    for name in names[3:]:
        VirtualHost.objects.create(
            broker=cast.a,
            name=name,
            first_seen_at="2026-01-01T00:00Z",
            changed_at="2026-01-01T00:00Z",
        )
    found = VirtualHost.objects.filter(broker=cast.a, name__glob=pattern)
    assert set(found.values_list("name", flat=True)) == {
        n for n in names if globs.matches(pattern, n)
    }


@pytest.mark.parametrize(
    ("pattern", "like"),
    [("a*b", "a%b"), ("50%", "50\\%"), ("a_b", "a\\_b"), ("\\*", "\\\\%"), ("%*_", "\\%%\\_")],
)
def test_only_a_star_is_a_wildcard_in_sql(pattern: str, like: str) -> None:
    assert globs.Glob.like(pattern) == like


def test_many_stars_are_refused_and_matching_stays_quick() -> None:
    assert "stars" in globs.fault("*a" * 6)
    assert globs.fault("*a" * 5) == ""
    assert not globs.matches("*a*a*a*a*b", "a" * 255)


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("", ""),
        ("a" * 255, ""),
        ("a" * 256, "255 bytes"),
        ("é" * 127, ""),
        ("é" * 128, "255 bytes"),
        ("a\nb", "control characters"),
        ("a\u202eb", "control characters"),
        ("a\ud800", "control characters"),
    ],
)
def test_what_no_name_can_match_is_refused_as_a_pattern(pattern: str, fault: str) -> None:
    assert fault in globs.fault(pattern)
    assert bool(globs.fault(pattern)) is bool(fault)
