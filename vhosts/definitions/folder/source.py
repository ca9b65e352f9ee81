"""What a folder is called as the owner of objects, and its commit."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from console.engine.proposal import Source
from console.errors import InvalidField

_MOST = 200
_TIMEOUT_S = 10


def source_of(root: Path, *, name: str = "", revision: str = "") -> Source:
    """Return the given name and revision, else those of Git: the repository's name with the path of
    the folder in it, and the commit, with "-dirty" if files differ from it. Outside of Git, the
    name is the folder's own, and there is no revision. Raises InvalidField."""
    found = Source(name or _name(root), revision or _revision(root))
    for field, text in (("source", found.name), ("revision", found.revision)):
        if len(text) > _MOST or not text.isprintable() or text != text.strip():
            raise InvalidField(field, f"The {field} can be at most {_MOST} printable characters.")
    if not found.name:
        raise InvalidField("source", "Name the folder with --source.")
    return found


def _name(root: Path) -> str:
    top = _git(root, "rev-parse", "--show-toplevel")
    if not top:
        return root.resolve().name
    origin = _git(root, "config", "--get", "remote.origin.url")
    # The checkout's folder may be called anything; the address of its origin is the same for all.
    last = re.split(r"[/:]", origin.rstrip("/"))[-1].removesuffix(".git")
    inside = root.resolve().relative_to(Path(top).resolve()).as_posix()
    repository = last or Path(top).name
    return repository if inside == "." else f"{repository}/{inside}"


def _revision(root: Path) -> str:
    commit = _git(root, "rev-parse", "--short=12", "HEAD")
    if commit and _git(root, "status", "--porcelain", "--", "."):
        return f"{commit}-dirty"
    return commit


def _git(root: Path, *words: str) -> str:
    """Return the output of Git in the folder; "" if it fails or isn't installed."""
    try:
        done = subprocess.run(  # noqa: S603 – fixed words, no shell
            ["git", "-C", str(root), *words],  # noqa: S607 – wherever it is installed
            capture_output=True, text=True, timeout=_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
