"""The image as Dockerfile and .dockerignore write it, read without a container engine."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from console.local.folder import CHECKOUT

DOCKERFILE = (CHECKOUT / "Dockerfile").read_text()
#: The last stage: what is run. Those before it are left behind.
RUN_STAGE = DOCKERFILE.rpartition("\nFROM ")[2]


def _regex(pattern: str) -> re.Pattern[str]:
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}
    parts = re.split(r"(\*\*/|\*\*|\*)", pattern)
    return re.compile("".join(words.get(part, re.escape(part)) for part in parts))


def _rules() -> list[tuple[bool, str, re.Pattern[str]]]:
    """(whether it lets in, pattern, regular expression) of each line of .dockerignore."""
    lines = (CHECKOUT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    return [(line.startswith("!"), line.lstrip("!"), _regex(line.lstrip("!"))) for line in patterns]


RULES = _rules()


def _is_kept_out(path: PurePosixPath) -> bool:
    """The last rule that fits the path, or a folder that it is in, decides."""
    names = [str(path), *(str(one) for one in path.parents if one != PurePosixPath("."))]
    out = False
    for lets_in, _, regex in RULES:
        if any(regex.fullmatch(name) for name in names):
            out = not lets_in
    return out


def _is_skipped(folder: PurePosixPath) -> bool:
    """A folder that is kept out is not looked into, unless the literal beginning of a rule leads there."""
    led = any(lets_in and f"{pattern}/".startswith(f"{folder}/") for lets_in, pattern, _ in RULES)
    return _is_kept_out(folder) and not led


def in_context(name: str) -> bool:
    """Whether a build sees the file of this name."""
    path = PurePosixPath(name)
    folders = [folder for folder in path.parents if folder != PurePosixPath(".")]
    return not _is_kept_out(path) and not any(map(_is_skipped, folders))


def context_files() -> Iterator[Path]:
    """Of this checkout, below it."""
    for folder, folders, names in os.walk(CHECKOUT):
        here = Path(folder).relative_to(CHECKOUT)
        folders[:] = [one for one in folders if not _is_skipped(PurePosixPath(here / one))]
        yield from (here / name for name in names if in_context(str(here / name)))


def image_command() -> list[str]:
    return list(json.loads(re.search(r"^CMD (\[.*\])$", RUN_STAGE, re.MULTILINE)[1]))


def image_environment() -> dict[str, str]:
    words = " ".join(re.findall(r"^ENV (.+)$", RUN_STAGE, re.MULTILINE))
    return dict(word.split("=", 1) for word in shlex.split(words) if not word.startswith("PATH="))


def image_account() -> tuple[str, str]:
    """The numbers of user and group."""
    user, group = re.search(r"^USER (\d+):(\d+)$", RUN_STAGE, re.MULTILINE).groups()
    return user, group
