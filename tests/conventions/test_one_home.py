"""How far a kind and a field reach beyond their home: these numbers only go down."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _holding(word: str, pattern: str, *folders: str) -> list[str]:
    return sorted(
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in (ROOT / folder).rglob(pattern)
        if "migrations" not in path.parts and word in path.read_text()
    )


@pytest.mark.parametrize(
    ("word", "most_modules", "most_templates"),
    [("topic_permission", 3, 5), ("default_queue_type", 5, 1)],
)
def test_a_kind_and_a_field_stand_in_few_files(
    word: str, most_modules: int, most_templates: int
) -> None:
    modules = _holding(word, "*.py", "console", "accessctl", "vhosts")
    templates = _holding(word, "*.html", "templates")
    assert len(modules) <= most_modules, modules
    assert len(templates) <= most_templates, templates
