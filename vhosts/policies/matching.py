"""Match policies' patterns against names, as the broker does."""

from __future__ import annotations

from functools import lru_cache

from accessctl.patterns.check import matches as decided
from accessctl.patterns.pcre import Dialect, PatternError, Regex, TooCostly, Unavailable
from console.kinds.effective.select import Matches

#: An empty pattern matches every name.
_EVERYTHING = "(?:)"


def matcher(dialect: Dialect | None) -> Matches:
    """Return a function that says whether a pattern matches a name; None where only the broker can
    decide: the dialect is unknown and decides, or a match takes too many steps. Each pattern is
    compiled once. Don't share it between threads."""
    dialects: tuple[Dialect, ...] = ("pcre8", "pcre2") if dialect is None else (dialect,)
    compiled: dict[str, tuple[Regex, ...]] = {}

    def matches(pattern: str, name: str) -> bool | None:
        if pattern not in compiled:
            compiled[pattern] = _compiled(pattern, dialects)
        try:
            if not compiled[pattern]:
                return decided(pattern or _EVERYTHING, name, dialect=dialect)
            found = {regex.matches(name) for regex in compiled[pattern]}
        except TooCostly:
            return None
        return found.pop() if len(found) == 1 else None

    return matches


def _compiled(pattern: str, dialects: tuple[Dialect, ...]) -> tuple[Regex, ...]:
    """Return nothing where `accessctl.patterns.check.matches` has to look at the case."""
    if not _is_plain(pattern):
        return ()
    try:
        return tuple(Regex(pattern or _EVERYTHING, dialect) for dialect in dialects)
    except (PatternError, Unavailable):
        return ()


@lru_cache(maxsize=1024)
def _is_plain(pattern: str) -> bool:
    return "(?" not in pattern and r"\g<" not in pattern
