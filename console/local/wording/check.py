"""Finds uses of banned phrases in a checkout that aren't known ones waiting for a rewrite."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from console.local.wording.phrases import PHRASES, Phrase
from console.local.wording.texts import texts_of

_CODE = ("console", "accessctl", "vhosts")
_DOCS = (
    "*.md", ".env.example", "compose.yaml", "Dockerfile", "bin/*", "docs/**/*.md", "bench/*.md",
    "templates/**/*.html", "static/js/*.js",
)  # fmt: skip
_HERE = "console/local/wording/"
KNOWN = Path(__file__).with_name("known.txt")

#: Number of uses of each (path in the checkout, Phrase.words).
Uses = Counter[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a banned phrase. `found` is the text as written."""

    path: str
    line: int
    found: str
    phrase: Phrase

    def __str__(self) -> str:
        return f'{self.path}:{self.line}: "{self.found}" – write: {self.phrase.instead}'


def files_of(root: Path) -> list[Path]:
    """Return templates, scripts, docs and modules, without migrations and the list itself."""
    found = {path for pattern in _DOCS for path in root.glob(pattern)}
    for package in _CODE:
        found.update((root / package).rglob("*.py"))
    return sorted(
        path
        for path in found
        if "migrations" not in path.parts
        and not path.relative_to(root).as_posix().startswith(_HERE)
    )


def uses_in(root: Path, path: Path) -> Iterator[Use]:
    """Yield the uses of banned phrases in one file, with the line they start on."""
    name = path.relative_to(root).as_posix()
    for first, text in texts_of(path):
        for phrase in PHRASES:
            for match in phrase.pattern().finditer(text):
                line = first + text.count("\n", 0, match.start())
                yield Use(name, line, " ".join(match[0].split()), phrase)


def read_known(path: Path = KNOWN) -> Uses:
    """Return the known uses; empty if the file is missing. A line is number, path, phrase,
    separated by tabs."""
    known: Uses = Counter()
    if path.is_file():
        for line in path.read_text().splitlines():
            number, name, words = line.split("\t")
            known[name, words] = int(number)
    return known


def write_known(uses: Uses, path: Path = KNOWN) -> None:
    """Write the list, sorted by path and phrase."""
    lines = [f"{number}\t{name}\t{words}\n" for (name, words), number in sorted(uses.items())]
    path.write_text("".join(lines))


def counted(uses: list[Use]) -> Uses:
    """Return how often each phrase is used in each file."""
    return Counter((use.path, use.phrase.words) for use in uses)


def new_uses(uses: list[Use], known: Uses) -> list[Use]:
    """Return all uses of a phrase in a file that has more of them than are known."""
    now = counted(uses)
    return [
        use for use in uses if now[use.path, use.phrase.words] > known[use.path, use.phrase.words]
    ]


def gone_uses(uses: list[Use], known: Uses) -> Uses:
    """Return the known uses that no longer exist, which must be removed from the list."""
    return known - counted(uses)
