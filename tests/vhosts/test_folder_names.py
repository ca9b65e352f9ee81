"""File names for virtual hosts: valid, distinct on every system, and turned back into the name."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.factories import HOSTILE
from vhosts.definitions.folder.names import (
    BROKER_FILE,
    SUFFIX,
    is_stem_of,
    name_of,
    stem_of,
    stems_of,
)

_NAMES = st.text(max_size=255).filter(lambda name: "\0" not in name and _fits(name))


def _fits(name: str) -> bool:
    try:
        return len(name.encode()) <= 255
    except UnicodeEncodeError:
        return False


@given(_NAMES)
@example("..")
@example(".git")
@example("_broker")
@example("")
@example("%")
@example("~")
@example("a~b")
def test_a_name_comes_back_from_its_file(name: str) -> None:
    stem = stem_of(name)
    assert re.fullmatch(r"[A-Za-z0-9%][A-Za-z0-9%~._-]*", stem), stem
    assert len(stem) + len(SUFFIX) <= 255
    assert stem + SUFFIX != BROKER_FILE
    assert is_stem_of(stem, name)
    assert name_of(stem) in (name, None)
    if len(name.encode()) <= 66:
        assert name_of(stem) == name
        assert name_of(stem_of(name, capitals=True)) == name


@given(st.lists(_NAMES, max_size=20))
@example(["Orders", "orders", "ORDERS"])
def test_no_two_files_differ_only_in_case(names: list[str]) -> None:
    stems = stems_of(names)
    assert len({stem.lower() for stem in stems.values()}) == len(set(names))
    assert all(is_stem_of(stem, name) for name, stem in stems.items())


@pytest.mark.parametrize(
    ("name", "stem"),
    [("/", "%2F"), ("orders", "orders"), ("team/a", "team%2Fa"), (".x", "%2Ex"), ("_broker", "%5Fbroker"), ("é", "%C3%A9")],
)  # fmt: skip
def test_usual_names_stay_readable(name: str, stem: str) -> None:
    assert stem_of(name) == stem


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_in_their_folder(name: str) -> None:
    assert not set(stem_of(name)) & set('/\\:*?"<>| \n')
