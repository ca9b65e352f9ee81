"""Tabler's style sheet is served without what no page uses, and with all that one uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from console.local.assets import VENDOR, development_file, ensure_assets
from console.local.folder import CHECKOUT, default_state_folder
from console.local.trimming import CLASSES, OWN, trimmed

_CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")


def classes_in(css: str) -> set[str]:
    return set(_CLASS.findall(re.sub(r"url\([^)]*\)|\d\.\d", "", css)))


def used() -> Iterator[tuple[Path, str]]:
    """Each class that a template, or a widget of a form, names in full."""
    for file in CHECKOUT.glob("templates/**/*.html"):
        for value in re.findall(r'class="([^"]*)"', file.read_text()):
            yield from ((file, name) for name in re.findall(r"[\w-]+", value))
    for app in ("console", "accessctl", "vhosts"):
        for file in (CHECKOUT / app).glob("**/*.py"):
            for value in re.findall(r'"class": "([^"]*)"', file.read_text()):
                yield from ((file, name) for name in value.split())


def test_every_class_of_tabler_that_is_used_is_kept() -> None:
    whole = development_file(
        default_state_folder(), "@tabler/core/dist/css/tabler.min.css"
    ).read_text()
    known = classes_in(whole)
    lost = {
        f"{file.relative_to(CHECKOUT)}: {name}"
        for file, name in used()
        if name in known - CLASSES - OWN
    }
    assert lost == set(), "add them to console/local/trimming.py"
    assert known >= CLASSES, "Tabler has no such class (any more)"
    ensure_assets(default_state_folder())
    served = (VENDOR / "tabler.min.css").read_text()
    assert classes_in(served) <= CLASSES
    assert len(served) < len(whole) / 10


def test_rules_are_kept_or_dropped_as_a_whole() -> None:
    css = (
        '@charset "utf-8";:root{--tblr-a:var(--tblr-b);--tblr-b:1px;--tblr-c:"x;}"}'
        ".btn,.card{width:var(--tblr-a)}.btn:not(.card,.x){color:red}"
        "@media (x){.card{a:b}.btn:hover{background:url(data:image/svg+xml,%3csvg%3e)}}@keyframes k{to{a:b}}a,p{b:c}"
    )
    assert trimmed(css, "var(--tblr-d)") == (
        ":root{--tblr-a:var(--tblr-b);--tblr-b:1px;}.btn{width:var(--tblr-a)}"
        "@media (x){.btn:hover{background:url(data:image/svg+xml,%3csvg%3e)}}a,p{b:c}"
    )
