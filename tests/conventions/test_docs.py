"""The docs name only what exists: files, links and their headings, commands."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md")])
#: Folders whose name makes a word in backticks a path of the repository.
_FOLDERS = (
    "console", "accessctl", "vhosts", "templates", "static", "tests", "bench", "docs", "bin",
    r"\.ci",
)  # fmt: skip
_PATH = re.compile(rf"(?:{'|'.join(_FOLDERS)})/[\w.*{{}},/<>-]*")
_FILE = re.compile(
    r"[\w.-]+\.(?:md|toml|yaml|txt|in|json)|Dockerfile|manage\.py|LICENSE|\.env\.example"
)
#: Addresses of the API that begin as a folder does.
_ADDRESS = re.compile(r"vhosts/(?:\{id\}/)?")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def code_in(text: str) -> Iterator[str]:
    """What is in backticks, and the words of indented and fenced code."""
    for block in re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from block.split()
    for line in re.findall(r"^ {4}(\S.*)$", text, re.MULTILINE):
        yield from line.split()
    for span in re.findall(r"`([^`\n]+)`", text):
        yield from span.split()


def paths_in(text: str) -> set[str]:
    """Words that look like a path in the repository, without `<…>` placeholders."""
    words = {word.strip("(),;:\"'").rstrip(".") for word in code_in(text)}
    return {
        word
        for word in words
        if (_PATH.fullmatch(word) or _FILE.fullmatch(word))
        and "<" not in word
        and not _ADDRESS.fullmatch(word)
    }


def spread(path: str) -> list[str]:
    """`a/{b,c}.py` as its two paths."""
    found = re.search(r"\{([^{}]*)\}", path)
    if found is None:
        return [path]
    return [
        one
        for inner in found[1].split(",")
        for one in spread(path[: found.start()] + inner + path[found.end() :])
    ]


def is_here(path: str, folder: Path) -> bool:
    return any(ROOT.glob(path)) or ("*" not in path and (folder / path).exists())


@pytest.mark.parametrize("path", DOCS, ids=name_of)
def test_every_path_that_a_document_names_exists(path: Path) -> None:
    named = {one for found in paths_in(path.read_text()) for one in spread(found)}
    assert sorted(one for one in named if not is_here(one.rstrip("/"), path.parent)) == []


def anchors_of(path: Path) -> set[str]:
    """The anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {
        re.sub(r"[^\w -]", "", re.sub(r"`|\[|\]\([^)]*\)", "", one)).lower().replace(" ", "-")
        for one in headings
    }


@pytest.mark.parametrize("path", DOCS, ids=name_of)
def test_every_link_between_documents_leads_somewhere(path: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists() or (anchor and anchor not in anchors_of(file)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("path", DOCS, ids=name_of)
def test_every_command_that_a_document_names_exists(path: Path) -> None:
    text = path.read_text()
    commands = set(re.findall(r"manage\.py ([a-z_]+)", text))
    assert commands - set(get_commands()) == set()
    modules = set(re.findall(r"python -m ((?:console|bench)[\w.]*)", text))
    missing = [
        one
        for one in modules
        if not (ROOT / one.replace(".", "/")).with_suffix(".py").is_file()
        and not (ROOT / one.replace(".", "/") / "__main__.py").is_file()
    ]
    assert missing == []


def test_every_decision_is_in_the_index_and_every_document_is_linked() -> None:
    index = (ROOT / "docs/decisions/README.md").read_text()
    listed = set(re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", index))
    assert listed == {path.name for path in (ROOT / "docs/decisions").glob("[0-9]*.md")}
    linked = {
        (path.parent / target.partition("#")[0]).resolve()
        for path in DOCS
        for target in re.findall(r"\]\(([^)\s]+\.md[^)\s]*)\)", path.read_text())
    }
    assert [name_of(path) for path in DOCS if path not in linked] == ["README.md"]


def test_bin_up_and_bin_test_take_the_options_that_the_docs_name() -> None:
    for program in ("up", "test"):
        done = subprocess.run(
            [ROOT / "bin" / program, "--help"], capture_output=True, text=True, check=True
        )
        for path in DOCS:
            for named in re.findall(rf"bin/{program}((?: --[a-z]+)+)", path.read_text()):
                for option in named.split():
                    assert option in done.stdout, f"{name_of(path)}: bin/{program} {option}"
