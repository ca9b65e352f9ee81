"""Find likely mistakes in name patterns that RabbitMQ accepts."""

from __future__ import annotations

from collections.abc import Iterator

_QUOTES = "'\"`"


def slips(pattern: str) -> list[str]:
    """Return a sentence for each part of the pattern that RabbitMQ takes literally, but the author
    probably didn't."""
    return list(_slips(pattern))


def _slips(pattern: str) -> Iterator[str]:
    if not pattern:
        return
    if len(pattern) > 1 and pattern[0] in _QUOTES and pattern[-1] == pattern[0]:
        yield (
            f"The quotes are part of the pattern {pattern[:80]}, so it matches only names with quotes. "
            "Leave them out."
        )
    if pattern != pattern.strip():
        yield "The pattern begins or ends with a space, so it matches only names with that space."
    tops = list(_top_level(pattern))
    if any(text == "," for text in tops):
        yield (
            f"The comma is part of the pattern {pattern[:80]}, so it matches only names with a comma. "
            "Write | between alternatives."
        )
    if has_empty_alternative(pattern):
        yield (
            f"The pattern {pattern[:80]} has an empty alternative, which matches every name. Remove the "
            "extra |."
        )


def has_empty_alternative(pattern: str) -> bool:
    """Return whether one of several alternatives outside groups is empty: `^a|` matches every
    name."""
    parts: list[str] = [""]
    for text in _top_level(pattern):
        if text == "|":
            parts.append("")
        else:
            parts[-1] += text
    return len(parts) > 1 and any(part in ("", "^", "$") for part in parts)


def _top_level(pattern: str) -> Iterator[str]:
    """Yield the parts of a pattern outside groups: single characters; escapes, classes, repeats in
    braces and whole groups as one part."""
    at = 0
    while at < len(pattern):
        end = _end_of(pattern, at)
        yield pattern[at:end]
        at = end


def _end_of(pattern: str, at: int) -> int:
    """Return the index at which the part that begins at `at` ends."""
    char = pattern[at]
    if char == "\\":
        end = pattern.find("\\E", at) if pattern.startswith("\\Q", at) else -1
        return end + 2 if end >= 0 else at + 2
    if char == "[":
        end = pattern.find("]", at + 2)
        return end + 1 if end > 0 else len(pattern)
    if char == "{":
        end = pattern.find("}", at)
        return end + 1 if end > 0 and pattern[at + 1 : end].replace(",", "").isdecimal() else at + 1
    if char == "(":
        inner = at + 1
        while inner < len(pattern) and pattern[inner] != ")":
            inner = _end_of(pattern, inner)
        return inner + 1
    return at + 1
