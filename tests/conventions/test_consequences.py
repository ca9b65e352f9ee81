"""Every sentence that tells a consequence has an experiment on a live broker: tests/consequences/sentences.py."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.consequences.sentences import NOT_CONSEQUENCES, SENTENCES

ROOT = Path(__file__).resolve().parents[2]
#: Where previews, plans and the forms before them take their sentences from.
_CODE = (
    "accessctl/users", "accessctl/permissions", "vhosts/virtual_hosts", "vhosts/policies", "vhosts/limits",
    "vhosts/matrix", "vhosts/topology", "vhosts/drift", "vhosts/definitions", "console/kinds", "console/reconcile",
    "console/engine/proposals",
)  # fmt: skip
_SAYS = re.compile(
    r"\b(deletes?d?|lost|loses?|closed?|closes|stays?|keeps?|kept|refuses|immediately|connections?|go(es)? with|"
    r"can connect|connect to it|highest priority applies|console stops|can't authenticate|in place|allowed on|consume from|publish(es)? to|permissions in (any|it)|applies\.)\b",
    re.IGNORECASE,
)
#: Words of other kinds of text: API descriptions, titles of changes, help of fields.
_OTHER = re.compile(
    r"^(Delete the |Delete a |Edit |Whether |The list |Why |What )|RabbitMQ: apply-to|One key a line"
)


def _said(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [str(v.value) if isinstance(v, ast.Constant) else "…" for v in node.values]
        return "".join(parts)
    return None


def _sentences(tree: ast.Module) -> Iterator[str]:
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
        # Refusals, which tests/truth compares with what brokers accept and refuse.
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Fault", "_fault"):
            skipped |= {id(part) for part in ast.walk(node)}
        if isinstance(node, ast.Raise):
            skipped |= {id(part) for part in ast.walk(node)}
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        ):
            skipped.add(id(node.body[0].value))
    for node in ast.walk(tree):
        text = None if id(node) in skipped else _said(node)
        # A button or a title has no full stop.
        if text and re.search(r"[.:;,] |\.$", text) and (text[0].isupper() or text[0] in "…`"):
            yield text


def _found() -> set[str]:
    found: set[str] = set()
    for folder in _CODE:
        for path in sorted((ROOT / folder).rglob("*.py")):
            found |= {
                text
                for text in _sentences(ast.parse(path.read_text()))
                if _SAYS.search(text) and not _OTHER.search(text)
            }
    for path in sorted((ROOT / "templates").rglob("*.html")):
        for danger in re.finditer(r'_danger\.html" with [^%]*?\btext="([^"]+)"', path.read_text()):
            found.add(danger[1])
    return found


def test_every_sentence_has_an_experiment():
    missing = sorted(_found() - set(SENTENCES) - NOT_CONSEQUENCES)
    assert not missing, (
        "name the test that shows it on a broker, in tests/consequences/sentences.py"
    )


def test_no_sentence_of_the_table_is_gone():
    assert not sorted((set(SENTENCES) | NOT_CONSEQUENCES) - _found())
    assert not set(SENTENCES) & NOT_CONSEQUENCES


@pytest.mark.parametrize("name", sorted({one for tests in SENTENCES.values() for one in tests}))
def test_the_experiment_is_there(name):
    file, _, test = name.rpartition("::")
    path = ROOT / "tests" / (file or "consequences/test_on_a_broker.py")
    assert re.search(rf"^def {test}\(", path.read_text(), re.MULTILINE), name


def test_the_recorded_facts_are_of_three_versions():
    rows = (ROOT / "tests/consequences/facts.jsonl").read_text().splitlines()
    for row in map(json.loads, rows):
        assert set(row) == {"scenario", "steps", "3.10.8", "4.0.5", "4.3.6"}
