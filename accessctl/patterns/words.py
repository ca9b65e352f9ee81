"""Describe a permission's pattern in plain English from its text. Nothing is matched here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from console.kinds.refusals.patterns import has_empty_alternative, slips

_EVERYTHING = (".*", "^.*", ".*$", "^.*$", "(.*)", "^(.*)$", "^", "$")
_NOTHING = ("", "^$", "$^")
#: A longer text tells a reader no more than the pattern itself.
_LONGEST = 80
UNANCHORED = (
    "Not anchored with ^, so it also matches in the middle of a name: orders matches preorders."
)
ANY_CHARACTER = "A dot matches any character. Write \\. to match a literal dot."
_META = frozenset("\\^$.|?*+()[]{}")


@dataclass(frozen=True, slots=True)
class PatternWords:
    """`kind`: all | nothing | some. `anchored`: each alternative begins with ^. `any_character`:
    it has a dot that may be meant literally."""

    words: str
    kind: Literal["all", "nothing", "some"]
    anchored: bool = True
    any_character: bool = False
    #: What is probably a mistake, one sentence each.
    slips: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """What is easily overlooked; "": nothing."""
        if self.slips:
            return self.slips[0]
        if not self.anchored:
            return UNANCHORED
        return ANY_CHARACTER if self.any_character else ""


def in_words(pattern: str) -> PatternWords:
    """Describe a pattern: `^orders\\..*` is "names that begin with orders."; one that is too
    complex is "names that match"."""
    said = _said(pattern)
    return replace(said, slips=tuple(slips(pattern)))


def _said(pattern: str) -> PatternWords:
    if pattern in _EVERYTHING:
        return PatternWords("everything", "all")
    if pattern in _NOTHING:
        return PatternWords("nothing", "nothing")
    if has_empty_alternative(pattern):
        return PatternWords("everything", "all")
    anchored = _is_anchored(pattern)
    terms = [_term(text) for text in _alternatives(pattern)]
    if any(term is None for term in terms):
        return PatternWords("names that match", "some", anchored, _any_character(pattern))
    groups: dict[str, list[str]] = {}
    for term in terms:
        if term is not None:
            groups.setdefault(term[0], []).append(term[1])
    if "everything" in groups:
        return PatternWords("everything", "all")
    said = [f"{how} {_listed(what)}" for how, what in groups.items()]
    if list(groups) == ["are"]:
        return PatternWords(f"only {_listed(groups['are'])}", "some", anchored)
    return PatternWords("names that " + ", or that ".join(said), "some", anchored)


def _is_anchored(pattern: str) -> bool:
    """Return whether each alternative begins with ^, or with .* for an intended match anywhere."""
    return all(text.lstrip("(?:").startswith(("^", ".*", "\\A")) for text in _alternatives(pattern))


def repeats_in_repeats(pattern: str) -> bool:
    """Return whether a group with an open repeat is itself repeated, as in `(a+)+`. Atomic groups
    and possessive repeats don't count, because they never backtrack."""
    stack: list[list[bool]] = []  # per open group: [has a repeat, is atomic]
    closed: list[bool] | None = None
    for kind, text in _tokens(pattern):
        if kind == "open":
            stack.append([False, text.startswith("(?>")])
        elif kind == "close":
            closed = stack.pop() if stack else None
            if closed and closed[0] and stack:
                stack[-1][0] = True
            continue
        elif kind == "repeat" and (text == "+" or not text.endswith("+")):
            if closed is not None and closed[0] and not closed[1]:
                return True
            if stack:
                stack[-1][0] = True
        closed = None
    return False


def _tokens(pattern: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, text): open | close | repeat | alternative | dot | other. A `repeat` has no
    small upper bound. A bracket class and an escape are one token each."""
    at = 0
    while at < len(pattern):
        char = pattern[at]
        size = 1
        if char == "\\":
            size, kind = 2, "other"
        elif char == "[":
            size, kind = _class_size(pattern, at), "other"
        elif char == "(":
            atomic = pattern.startswith("(?>", at)
            size, kind = (3 if atomic else 1), "open"
        elif char == ")":
            kind = "close"
        elif char in "*+":
            size = 2 if pattern[at + 1 : at + 2] in ("+", "?") else 1
            kind = "repeat"
        elif char == "{" and (end := _braces(pattern, at)):
            size, kind = end
        elif char == "|":
            kind = "alternative"
        elif char == ".":
            kind = "dot"
        else:
            kind = "other"
        yield kind, pattern[at : at + size]
        at += size


def _class_size(pattern: str, start: int) -> int:
    at = start + 1
    if pattern[at : at + 1] == "^":
        at += 1
    if pattern[at : at + 1] == "]":
        at += 1
    while at < len(pattern) and pattern[at] != "]":
        if pattern[at] == "\\":
            at += 1
        elif pattern.startswith("[:", at) and (end := pattern.find(":]", at + 2)) > 0:
            at = end + 1
        at += 1
    return at + 1 - start


def _braces(pattern: str, start: int) -> tuple[int, str] | None:
    """Return (size, kind) of a repeat such as `{2,5}`; None if the brace is literal."""
    end = pattern.find("}", start)
    bounds = pattern[start + 1 : end].split(",") if end > 0 else []
    if not bounds or len(bounds) > 2 or not all(b == "" or b.isdecimal() for b in bounds):
        return None
    if bounds[0] == "" or len("".join(bounds)) > 12:
        return None
    most = bounds[-1]
    is_open = most == "" or int(most) > 8
    return end + 1 - start, "repeat" if is_open else "other"


def _alternatives(pattern: str) -> list[str]:
    """Split at the bars outside groups; `^(a|b)$` gives `^a$` and `^b$`."""
    for opening in ("^(?:", "^("):
        for closing in (")$", ").*$", ").*", ")"):
            inner = pattern[len(opening) : -len(closing)]
            if (
                pattern.startswith(opening)
                and pattern.endswith(closing)
                and not inner.startswith("?")
                and all(kind not in ("open", "close") for kind, _ in _tokens(inner))
            ):
                return [f"^{text}{closing[1:]}" for text in _split(inner)]
    return _split(pattern)


def _split(pattern: str) -> list[str]:
    parts, depth = [""], 0
    for kind, text in _tokens(pattern):
        depth += (kind == "open") - (kind == "close")
        if kind == "alternative" and depth == 0:
            parts.append("")
        else:
            parts[-1] += text
    return parts


def _term(text: str) -> tuple[str, str] | None:
    """Return (how it matches, plain text); None if it is more than plain text."""
    if text in _EVERYTHING:
        return "everything", ""
    start = text.startswith("^")
    body = text[1:] if start else text
    if not start and body.startswith(".*"):
        body = body[2:]
    open_end = True
    if body.endswith("$") and not body.endswith("\\$"):
        body, open_end = body[:-1], False
    if body.endswith(".*") and not body.endswith("\\.*"):
        body, open_end = body[:-2], True
    plain = _plain(body)
    if not plain or len(plain) > _LONGEST:
        return None
    if start:
        return ("begin with" if open_end else "are"), plain
    return ("contain" if open_end else "end with"), plain


def _plain(body: str) -> str | None:
    said = ""
    at = 0
    while at < len(body):
        char = body[at]
        if char == "\\":
            escaped = body[at + 1 : at + 2]
            if not escaped or escaped.isalnum() or not escaped.isascii():
                return None
            said += escaped
            at += 2
            continue
        if char in _META:
            return None
        said += char
        at += 1
    return said


def _listed(names: list[str]) -> str:
    shown = list(dict.fromkeys(names))
    more = len(shown) - 6
    if more > 1:
        return f"{', '.join(shown[:6])} or one of {more} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def _any_character(pattern: str) -> bool:
    """Return whether there is a dot that isn't repeated, unlike that of `.*`."""
    before_was_dot = False
    for kind, text in _tokens(pattern):
        if before_was_dot and not (kind == "repeat" or text[0] in "?{"):
            return True
        before_was_dot = kind == "dot"
    return before_was_dot
