"""docs/coverage.md lists every acceptance scenario once, with a proof that exists."""

from __future__ import annotations

import re

from console.local.folder import CHECKOUT

_ROW = re.compile(r"^\| (AC-\d{3}) \| (.+) \| (.+) \|$", re.MULTILINE)
_PROOF = re.compile(r"`(tests/[\w/]+\.py)`(?: (test_\w+))?")
_ID = re.compile(r"\bAC-\d{3}\b")
ALL = [f"AC-{number:03}" for number in range(1, 186)]


def rows() -> dict[str, str]:
    """The proof of each id."""
    text = (CHECKOUT / "docs/coverage.md").read_text()
    return {id_: proof for id_, _, proof in _ROW.findall(text)}


def named_in_tests() -> dict[str, set[str]]:
    """The test files that name each id."""
    found: dict[str, set[str]] = {}
    for path in (CHECKOUT / "tests").rglob("*.py"):
        for id_ in _ID.findall(path.read_text()):
            found.setdefault(id_, set()).add(path.relative_to(CHECKOUT).as_posix())
    return found


def test_every_scenario_has_one_row_and_every_id_in_a_test_is_one() -> None:
    text = (CHECKOUT / "docs/coverage.md").read_text()
    assert [id_ for id_, _, _ in _ROW.findall(text)] == ALL
    assert set(named_in_tests()) <= set(ALL)


def test_every_proof_exists() -> None:
    wrong = []
    for id_, proof in rows().items():
        found = _PROOF.fullmatch(proof)
        if found is None:
            if proof != "not yet" and not proof.startswith("doesn't apply: "):
                wrong.append((id_, proof))
            continue
        path, name = CHECKOUT / found[1], found[2]
        if not path.is_file() or (name and f"def {name}(" not in path.read_text()):
            wrong.append((id_, proof))
    assert wrong == []


def test_what_a_test_proves_is_not_called_open() -> None:
    named = named_in_tests()
    late = {
        id_: sorted(named[id_])
        for id_, proof in rows().items()
        if proof == "not yet" and id_ in named
    }
    assert late == {}, "name these tests in docs/coverage.md"
