"""Extract the texts for people from a file. The rest becomes blanks; line numbers stay the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

#: (first line, text) pairs.
Texts = Iterator[tuple[int, str]]

_FENCE = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?<=\n\n)(?: {4}.*\n)+")
_CODE = re.compile(r"``.+?``|`[^`]+`", re.DOTALL)
_LINK_TARGET = re.compile(r"\]\([^)\s]*\)")
_TEMPLATE_COMMENT = re.compile(
    r"\{#.*?#\}|\{%\s*comment\b.*?endcomment\s*%\}|<!--.*?-->", re.DOTALL
)
_TEMPLATE_TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_SCRIPT_COMMENT = re.compile(r"/\*.*?\*/|^[ \t]*//[^\n]*", re.MULTILINE | re.DOTALL)
_SCRIPT_TEXT = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'|`[^`]*`")
_ELEMENT = re.compile(r"(?<=<)/?[a-zA-Z][\w-]*|\b(?:class|id|href|src|for|name|type)=\"[^\"]*\"")


def texts_of(path: Path) -> Texts:
    """Yield the texts, by the file's suffix: Python, HTML templates, JavaScript, else Markdown or
    plain text."""
    text = path.read_text()
    if path.suffix == ".py":
        return _literals(ast.parse(text))
    if path.suffix == ".js":
        return _of_script(text)
    return iter([(1, _of_template(text) if path.suffix == ".html" else _of_markdown(text))])


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found[0])


def _of_markdown(text: str) -> str:
    for code in (_FENCE, _INDENTED, _CODE, _LINK_TARGET):
        text = code.sub(_blank, text)
    return text


def _of_template(text: str) -> str:
    """Keep only quoted texts within template tags and variables."""

    def keep_quoted(found: re.Match[str]) -> str:
        kept = list(_blank(found))
        for quoted in _QUOTED.finditer(found[0]):
            kept[quoted.start() + 1 : quoted.end() - 1] = quoted[0][1:-1]
        return "".join(kept)

    text = _TEMPLATE_COMMENT.sub(_blank, text)
    return _ELEMENT.sub(_blank, _TEMPLATE_TAG.sub(keep_quoted, text))


def _of_script(text: str) -> Texts:
    """Yield string literals that contain a space."""
    text = _SCRIPT_COMMENT.sub(_blank, text)
    for found in _SCRIPT_TEXT.finditer(text):
        if " " in found[0]:
            yield 1 + text.count("\n", 0, found.start()), found[0]


def _literals(tree: ast.AST) -> Texts:
    """Yield string literals that are sentences: those with a space, without text in backticks.

    Docstrings and other strings that stand alone are left out; values in an f-string become `{}`.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.JoinedStr):
            text = "".join(_piece(part) for part in node.values)
            yield node.lineno, _CODE.sub(_blank, text)
            for part in node.values:
                if isinstance(part, ast.FormattedValue):
                    yield from _literals(part)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if " " in node.value:
                yield node.lineno, _CODE.sub(_blank, node.value)
        else:
            yield from _literals(node)


def _piece(part: ast.expr) -> str:
    return part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "{}"
