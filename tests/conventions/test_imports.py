"""Modules and folders: no import circles, no crowded folders, each folder says what it is for."""

from __future__ import annotations

import ast
from pathlib import Path

import grimp
import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
ROOTS = ("console", "accessctl", "vhosts")
#: Loose modules of one folder; more want a folder of their own.
MOST_MODULES = 12


def folders() -> list[Path]:
    found = {path.parent for root in ROOTS for path in (CHECKOUT / root).rglob("*.py")}
    return sorted(folder for folder in found if folder.name != "migrations")


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    graph = grimp.build_graph(*ROOTS, cache_dir=None, exclude_type_checking_imports=True)
    return {
        module: set(graph.find_modules_directly_imported_by(module)) for module in graph.modules
    }


def test_no_modules_import_each_other_in_a_circle(imports):
    left = {module: set(found) for module, found in imports.items()}
    # What imports nothing that is left can be in no circle.
    while done := {module for module, found in left.items() if not found & left.keys()}:
        left = {module: found for module, found in left.items() if module not in done}
    # And what nothing left imports only leads to one.
    while leading := left.keys() - {one for found in left.values() for one in found}:
        left = {module: found for module, found in left.items() if module not in leading}
    assert not left, sorted(left)


@pytest.mark.parametrize("folder", folders(), ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_a_folder_says_what_it_is_for_and_is_not_crowded(folder):
    modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    # Django wants its commands in one folder.
    allowed = len(modules) if folder.name == "commands" else MOST_MODULES
    assert len(modules) <= allowed, sorted(path.name for path in modules)
    init = folder / "__init__.py"
    assert init.exists()
    assert ast.get_docstring(ast.parse(init.read_text())), "a docstring: what is this folder for?"
