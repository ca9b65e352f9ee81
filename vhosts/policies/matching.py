"""Match policies' patterns against names, as the broker does."""

from __future__ import annotations

import re

from accessctl.patterns.check import matches as decided
from accessctl.patterns.pcre import Dialect, PatternError, Regex, TooCostly, Unavailable
from console.kinds.effective.select import Compile, Test

#: An empty pattern matches every name.
_EVERYTHING = "(?:)"
#: Literal text, perhaps anchored at its start: text functions decide it. Most policies have such a
#: pattern. One with $ is none: it also matches before a line end.
_SIMPLE = re.compile(r"(\^?)((?:[A-Za-z0-9_/:@,;~%&<>!-]|\\[./-])*)(?:\.\*)?")


def matcher(dialect: Dialect | None) -> Compile:
    """Return a function that compiles patterns. A test returns None where only the broker can decide:
    the dialect is unknown and matters, or a match takes too many steps. Don't share it between
    threads."""
    dialects: tuple[Dialect, ...] = ("pcre8", "pcre2") if dialect is None else (dialect,)
    tests: dict[str, Test] = {}

    def compile_pattern(pattern: str) -> Test:
        if pattern not in tests:
            tests[pattern] = _simple(pattern) or _regular(pattern, dialect, dialects)
        return tests[pattern]

    return compile_pattern


def _simple(pattern: str) -> Test | None:
    """Return the test of a pattern that needs no regular expression; None if it needs one."""
    found = _SIMPLE.fullmatch(pattern)
    if found is None:
        return None
    text = found[2].replace("\\", "")
    if not text:
        return lambda name: True
    if found[1]:
        return lambda name: name.startswith(text)
    return lambda name: text in name


def _regular(pattern: str, dialect: Dialect | None, dialects: tuple[Dialect, ...]) -> Test:
    regexes = _compiled(pattern, dialects)

    def test(name: str) -> bool | None:
        try:
            if not regexes:
                return decided(pattern or _EVERYTHING, name, dialect=dialect)
            found = {regex.matches(name) for regex in regexes}
        except TooCostly:
            return None
        return found.pop() if len(found) == 1 else None

    return test


def _compiled(pattern: str, dialects: tuple[Dialect, ...]) -> tuple[Regex, ...]:
    """Return nothing where `accessctl.patterns.check.matches` has to look at the case."""
    if "(?" in pattern or r"\g<" in pattern:
        return ()
    try:
        return tuple(Regex(pattern or _EVERYTHING, dialect) for dialect in dialects)
    except (PatternError, Unavailable):
        return ()
