"""Every static file that a template names is there. Tests serve files by their plain names, so a
missing one shows only in production, where it is a 500."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from django.contrib.staticfiles import finders

TEMPLATES = Path(__file__).parents[2] / "templates"
_NAMED = re.compile(r"""\{%\s*static\s+(?:"([^"]+)"|'([^']+)')""")


def named() -> Iterator[tuple[str, str]]:
    for path in sorted(TEMPLATES.rglob("*.html")):
        for first, second in _NAMED.findall(path.read_text()):
            yield path.relative_to(TEMPLATES).as_posix(), first or second


def test_every_named_file_exists() -> None:
    found = list(named())
    assert len(found) > 30
    missing = [f"{template}: {name}" for template, name in found if not finders.find(name)]
    assert missing == []
