from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accessctl import globs
from vhosts.models import VirtualHost

_NAMES = st.text("ab/*%_\\", max_size=8)


@given(_NAMES, st.text("ab/%_\\", max_size=8))
def test_a_star_stands_for_any_run_of_characters(pattern: str, name: str) -> None:
    same = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name, re.DOTALL)
    expected = bool(same) or globs.is_everything(pattern)
    assert globs.matches(pattern, name) is expected


@given(_NAMES, _NAMES, st.text("ab/%_\\", max_size=8))
def test_what_is_contained_matches_nothing_more(outer: str, inner: str, name: str) -> None:
    if globs.contains(outer, inner) and globs.matches(inner, name):
        assert globs.matches(outer, name)


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


def test_many_stars_are_refused_and_matching_stays_quick() -> None:
    assert "stars" in globs.fault("*a" * 6)
    assert not globs.matches("*a*a*a*a*b", "a" * 255)
