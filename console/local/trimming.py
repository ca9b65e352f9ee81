"""Tabler's style sheet without what no page uses: of its 3,800 classes the console uses forty.

The whole sheet was a third of every first view. `CLASSES` says what is kept;
tests/conventions/test_style_sheet.py fails when a template uses a class of Tabler's that is not here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

#: Classes of Tabler's that templates, scripts or widgets use.
CLASSES = frozenset({
    "active", "align-items-center", "btn", "btn-danger", "btn-primary", "btn-sm", "d-flex", "d-inline", "d-inline-flex",
    "disabled", "flex-wrap", "form-check", "form-check-input", "form-control", "form-select", "gap-2", "gap-3",
    "justify-content-between", "m-0", "mb-0", "mb-1", "mb-2", "mt-1", "mt-2", "ps-4", "ps-5", "required", "show",
    "visually-hidden", "w-100",
})  # fmt: skip
#: Classes whose names both sheets use, for different things: Tabler's rules of them are not wanted.
OWN = frozenset(
    {"chart", "figure", "page-header", "page-title", "row", "skip-link", "status", "tag"}
)

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
_DEFINED = re.compile(r"(--tblr-[\w-]+)\s*:(?:[^;{}\"']|\"[^\"]*\"|'[^']*')*;?")
_USE = re.compile(r"var\(\s*(--[\w-]+)")
_NESTED = ("@media", "@supports", "@layer", "@container")


def trimmed(css: str, own: str) -> str:
    """Return the rules that can match with `CLASSES`, and of the custom properties those that they or `own`
    (the console's style sheets) use."""
    kept = "".join(_kept(_COMMENT.sub("", css)))
    while True:
        smaller = _without_unused(kept, set(_USE.findall(kept)) | set(_USE.findall(own)))
        if smaller == kept:
            return re.sub(r"[^{}]*\{\}", "", kept)
        kept = smaller


def _without_unused(css: str, used: set[str]) -> str:
    return _DEFINED.sub(lambda found: found[0] if found[1] in used else "", css)


def own_names(folder: Path) -> list[str]:
    """Return the custom properties that the console's style sheets use, in order."""
    found = {name for sheet in folder.glob("*.css") for name in _USE.findall(sheet.read_text())}
    return sorted(found)


def _kept(css: str) -> Iterator[str]:
    for head, body in _blocks(css):
        if head.startswith(_NESTED):
            if inner := "".join(_kept(body)):
                yield f"{head}{{{inner}}}"
        elif head.startswith("@"):
            # Animations, fonts and the like: all of them belong to parts that no page has.
            continue
        elif selectors := [one for one in _split(head) if set(_CLASS.findall(one)) <= CLASSES]:
            yield f"{','.join(selectors)}{{{body}}}"


def _blocks(css: str) -> Iterator[tuple[str, str]]:
    """(what stands before a brace, what is inside) of each rule; statements such as @charset are left out."""
    at, depth, start, head = 0, 0, 0, ""
    while at < len(css):
        character = css[at]
        if character in "\"'":
            at = css.index(character, at + 1)
        elif character == ";" and not depth:
            start = at + 1
        elif character == "{":
            if not depth:
                head, start = css[start:at].strip(), at + 1
            depth += 1
        elif character == "}":
            depth -= 1
            if not depth:
                yield head, css[start:at]
                start = at + 1
        at += 1


def _split(selectors: str) -> list[str]:
    """Split a list of selectors at the commas outside parentheses."""
    parts, depth = [""], 0
    for character in selectors:
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]
