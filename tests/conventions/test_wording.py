"""The check of banned phrases: where it looks, what it leaves out, and that its list only shrinks."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.local.wording.__main__ import main
from console.local.wording.check import files_of, read_known, uses_in
from console.local.wording.phrases import PHRASES

ROOT = Path(__file__).resolve().parents[2]

MODULE = '''"""Told by the docstring."""

def told():
    """Told here as well."""
    # told in a comment
    name = "told"
    return (
        "It is"
        " told."
    ), f"What {name!r} told { 'was told'}", "`was told`"
'''
TEMPLATE = """<h1 class="told you">Make a token</h1>
{# told in a comment #}{% comment %}told{% endcomment %}
{{ told.this }} {% include "_told.html" with label="How far it is" %}
<a href="/told you" title="Log in">Sign in</a>
"""
SCRIPT = """// What was told
const told = true;
show("told", `It was
told ${name}`, "It was told.");  /* told */
"""
MARKDOWN = """# Told

    told in code

```sh
told
```

`told` and [a link](told.md): what was
said.
"""


def found(root: Path, name: str, text: str) -> list[tuple[int, str]]:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return sorted((use.line, use.found) for use in uses_in(root, path))


def test_python_literals_are_looked_at_without_docstrings_comments_and_names(
    tmp_path: Path,
) -> None:
    assert found(tmp_path, "console/a.py", MODULE) == [(8, "told"), (10, "told"), (10, "told")]


def test_templates_are_looked_at_with_the_texts_in_tags_and_attributes(tmp_path: Path) -> None:
    assert found(tmp_path, "templates/a.html", TEMPLATE) == [
        (1, "Make a token"),
        (3, "How far"),
        (4, "Log in"),
    ]


def test_scripts_are_looked_at_without_comments_and_names(tmp_path: Path) -> None:
    assert found(tmp_path, "static/js/a.js", SCRIPT) == [(4, "told"), (4, "told")]


def test_docs_are_looked_at_without_code_and_across_line_ends(tmp_path: Path) -> None:
    assert found(tmp_path, "docs/a.md", MARKDOWN) == [(1, "Told"), (9, "what was said")]


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda phrase: str(phrase.words))
def test_what_to_write_instead_is_no_banned_phrase(phrase: object) -> None:
    instead = phrase.instead  # type: ignore[attr-defined]
    assert [one.words for one in PHRASES if one.pattern().search(instead)] == []


def checkout(root: Path, text: str) -> Path:
    (root / "README.md").write_text(text)
    return root / "known.txt"


def test_the_list_of_known_uses_shrinks_and_never_grows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = checkout(tmp_path, "It was told anew, and told again.\n")
    assert main([], tmp_path, known) == 1
    assert 'README.md:1: "told"' in capsys.readouterr().out
    assert main(["--shrink"], tmp_path, known) == 0
    assert read_known(known) == {("README.md", "told"): 2, ("README.md", "anew"): 1}

    checkout(tmp_path, "It was told and ticked.\n")
    assert main([], tmp_path, known) == 1
    assert "2 known uses are gone" in capsys.readouterr().out
    assert main(["--shrink"], tmp_path, known) == 1, "a new phrase is not taken into the list"
    assert read_known(known) == {("README.md", "told"): 1}
    assert '"ticked"' in capsys.readouterr().out

    checkout(tmp_path, "It was told and told.\n")
    assert main([], tmp_path, known) == 1, "one use more than is known"
    checkout(tmp_path, "It was reported.\n")
    assert main(["--shrink"], tmp_path, known) == 0
    assert read_known(known) == {}
    assert main(["--all"], tmp_path, known) == 2


def test_this_checkout_has_no_new_use_of_a_banned_phrase() -> None:
    assert len(files_of(ROOT)) > 300
    assert main([], ROOT) == 0
