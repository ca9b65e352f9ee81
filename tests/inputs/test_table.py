"""Every row of the table is tested at each of its doors, and no test claims a row that is not there."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from types import ModuleType

import pytest

from tests.inputs.rows import API, COMMAND, FILE, FORM, ROWS

_NAMED = re.compile(r"[A-Z]\d+")
_MODULES = {
    FORM: ("test_by_form",),
    API: ("test_by_api",),
    FILE: ("test_by_file", "test_refused_files"),
    COMMAND: ("test_by_command", "test_refused_files"),
}
#: The sweep of legal names goes through every door.
_BY_EVERY_DOOR = "test_hostile_names"


def rows_in(module: ModuleType) -> Iterator[str]:
    """The rows that its tests carry in their ids: in a function's name or a parameter's id."""
    for name, function in vars(module).items():
        if not name.startswith("test_"):
            continue
        for part in name.split("_")[1:]:
            if not _NAMED.fullmatch(part.upper()):
                if part != "and":
                    break
                continue
            yield part.upper()
        for mark in getattr(function, "pytestmark", []):
            if mark.name != "parametrize":
                continue
            ids = mark.kwargs.get("ids")
            given = (
                ids
                if isinstance(ids, list)
                else [
                    one if isinstance(one, str) else getattr(one, "id", None)
                    for one in mark.args[1]
                ]
            )
            for text in given:
                if text and (found := _NAMED.match(text)):
                    yield found[0]


def _tested(door: str) -> set[str]:
    names = (*_MODULES[door], _BY_EVERY_DOOR)
    modules = [importlib.import_module(f"tests.inputs.{name}") for name in names]
    return {row for module in modules for row in rows_in(module)}


@pytest.mark.parametrize("door", _MODULES)
def test_every_row_is_tested_at_its_doors(door):
    asked = {number for number, row in ROWS.items() if door in row.doors and not row.left_out}
    assert asked - _tested(door) == set()


def test_no_test_names_a_row_that_is_not_in_the_table():
    for door in _MODULES:
        assert _tested(door) - set(ROWS) == set()


def test_a_row_that_no_door_has_says_why():
    assert all(row.left_out.strip() for row in ROWS.values() if not row.doors)
    assert [number for number, row in ROWS.items() if row.left_out] == ["X1", "X8"]
