"""Check a permission's patterns: whether they are regular expressions, what they mean, what they
match.

Sources: RabbitMQ's access control guide; `rabbit_auth_backend_internal.erl` (an empty pattern is
`^$`; a match anywhere in the name is a match); `rabbit_re.erl` (from 4.2.6: at most 1,024 bytes,
and a match of over 50,000 steps is denied). Only `accessctl.patterns.pcre` ever runs a pattern.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from accessctl.patterns.pcre import Dialect, PatternError, Regex, TooCostly, Unavailable
from accessctl.patterns.words import (
    ANY_CHARACTER,
    UNANCHORED,
    PatternWords,
    in_words,
    repeats_in_repeats,
)

MAX_BYTES = 1_024
#: NUL, literal or escaped: brokers accept it, but no name contains one.
_NUL = re.compile(r"\x00|\\x00")
#: Time limit of a preview, in seconds.
PREVIEW_BUDGET = 0.2
#: Time limit of the search for a name that makes a pattern run away, in seconds.
_PROBING_BUDGET = 0.03

_RUNAWAY = (
    "Takes too many steps on some names. Brokers before 4.2.6 have no limit and slow "
    "down; later ones deny the match."
)
_NESTED = (
    "Nested repetition: on some names it can take very many steps. Brokers before "
    "4.2.6 have no limit; later ones deny the match."
)
_RECURSION = (
    "Recursive pattern: brokers on Erlang before 28 may refuse it. The broker decides "
    "when it is set."
)


@dataclass(frozen=True, slots=True)
class Note:
    """`code`: slip (literal text that is probably a mistake) | runaway | nested | unanchored | dot
    | recursion | variables | unchecked."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known about a pattern without the broker.

    `valid` None: only the broker can decide (`error` says why). `position` is the character of the
    error in an invalid pattern. `risky`: it may run away.
    """

    pattern: str
    valid: bool | None
    words: PatternWords
    error: str = ""
    position: int | None = None
    notes: tuple[Note, ...] = ()

    @property
    def risky(self) -> bool:
        return any(note.code in ("runaway", "nested") for note in self.notes)


@dataclass(frozen=True, slots=True)
class Matches:
    """How many of `of` names a pattern matches, and the first of them.

    `refused` says why not all names were tried (the count then covers only those tried); None if
    all were.
    """

    count: int
    sample: tuple[str, ...]
    of: int
    refused: str | None = None


def dialect_of(erlang_version: str) -> Dialect | None:
    """Return the dialect: PCRE 8 up to Erlang/OTP 27, PCRE2 from 28 on (OTP 28's release notes).
    None: unknown."""
    major = erlang_version.split(".")[0]
    if not (major.isascii() and major.isdecimal()):
        return None
    return "pcre2" if int(major) >= 28 else "pcre8"


def check(pattern: str, *, dialect: Dialect | None = None, topic: bool = False) -> Checked:
    """Check a pattern.

    `dialect` None: no specific broker; PCRE2 is used. `topic`: the pattern belongs to a topic
    permission, where {username} and {vhost} are variables.
    """
    words = in_words(pattern)
    if problem := _refused_outright(pattern):
        return Checked(pattern, False, words, *problem)
    if pattern == "":
        return Checked(pattern, True, words)
    notes = [Note("slip", sentence) for sentence in words.slips]
    notes += [Note("variables", _variables(pattern))] if topic and _variables(pattern) else []
    try:
        regex = Regex(pattern, dialect or "pcre2")
    except Unavailable:
        sentence = (
            "Not checked because libpcre2 isn't installed. The broker decides when it is set."
        )
        return Checked(pattern, None, words, sentence, notes=(Note("unchecked", sentence),))
    except PatternError as error:
        position = _character(pattern, error)
        if not error.certain:
            sentence = (
                f"Brokers handle this differently ({error}). The broker decides when it is set."
            )
            return Checked(pattern, None, words, sentence, position, tuple(notes))
        return Checked(pattern, False, words, _no_regex(pattern, error), position, tuple(notes))
    notes += _notes(pattern, words, regex)
    doubt = dialect != "pcre2" and any(note.code == "recursion" for note in notes)
    return Checked(
        pattern, None if doubt else True, words, _RECURSION if doubt else "", None, tuple(notes)
    )


@lru_cache(maxsize=4096)
def why_not_pattern(pattern: str, dialect: Dialect | None = None) -> str:
    """Return a sentence that says why no permission can have this pattern; "" if one can, or if
    only the broker can decide. It skips the search for risks that `check` does, so it can check
    thousands."""
    if problem := _refused_outright(pattern):
        return problem[0]
    try:
        Regex(pattern, dialect or "pcre2")
    except Unavailable:
        return ""
    except PatternError as error:
        return _no_regex(pattern, error) if error.certain else ""
    return ""


def _no_regex(pattern: str, error: PatternError) -> str:
    return (
        f"Not a valid regular expression: {error}, at character {_character(pattern, error) + 1}."
    )


def _character(pattern: str, error: PatternError) -> int:
    before = pattern.encode("utf-8", "replace")[: error.position]
    return len(before.decode(errors="ignore"))


def preview(
    pattern: str,
    names: Sequence[str],
    limit: int = 20,
    *,
    dialect: Dialect | None = None,
    budget: float = PREVIEW_BUDGET,
) -> Matches:
    """Match the pattern against the names within about `budget` seconds, whatever the pattern. The
    sample has the first `limit` matches."""
    if (problem := _refused_outright(pattern)) is not None:
        return Matches(0, (), len(names), problem[0])
    try:
        regex = Regex(pattern or "^$", dialect or "pcre2")
    except Unavailable:
        return Matches(0, (), len(names), "Not available because libpcre2 isn't installed.")
    except PatternError as error:
        return Matches(0, (), len(names), f"Not a valid regular expression: {error}.")
    ends = time.monotonic() + budget
    found: list[str] = []
    refused = None
    for tried, name in enumerate(names):
        if time.monotonic() > ends:
            refused = f"Stopped after {tried:,} of {len(names):,} names because it took too long."
            break
        try:
            if regex.matches(name):
                found.append(name)
        except TooCostly:
            refused = f"Stopped after {tried:,} of {len(names):,} names. {_RUNAWAY}"
            break
    return Matches(len(found), tuple(found[:limit]), len(names), refused)


def matches(pattern: str, name: str, *, dialect: Dialect | None = None) -> bool | None:
    """Return whether a permission's pattern matches a name, as on the broker.

    Returns None if that can't be decided: the dialects differ and the broker's is unknown, only
    the broker can judge the pattern, or libpcre2 is missing. Raises TooCostly. An invalid pattern
    denies, as on the broker.
    """
    if dialect is None:
        one, other = (matches(pattern, name, dialect=each) for each in ("pcre8", "pcre2"))
        return one if one == other else None
    if dialect == "pcre8" and _recurses(pattern):
        return None
    try:
        return Regex(pattern or "^$", dialect).matches(name)
    except Unavailable:
        return None
    except PatternError as error:
        return False if error.certain else None


def literal(text: str) -> str:
    """Return a pattern that matches this text literally."""
    return "".join(f"\\{char}" if char in r"\^$.|?*+()[]{}-" else char for char in text)


def beginning_with(prefix: str) -> str:
    """Return the preset for names with a prefix."""
    return f"^{literal(prefix)}.*"


def _refused_outright(pattern: str) -> tuple[str, int | None] | None:
    if (nul := _NUL.search(pattern)) is not None:
        return "A pattern can't contain a NUL character.", nul.start()
    size = len(pattern.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        return (
            f"The pattern has {size:,} bytes. Newer brokers accept at most {MAX_BYTES:,}.",
            None,
        )
    try:
        pattern.encode()
    except UnicodeEncodeError as error:
        return "The pattern isn't valid Unicode.", error.start
    return None


def _notes(pattern: str, words: PatternWords, regex: Regex) -> Iterable[Note]:
    if _runs_away(pattern, regex):
        yield Note("runaway", _RUNAWAY)
    elif repeats_in_repeats(pattern):
        yield Note("nested", _NESTED)
    if not words.anchored:
        yield Note("unanchored", UNANCHORED)
    if words.any_character:
        yield Note("dot", ANY_CHARACTER)
    if _recurses(pattern):
        yield Note("recursion", _RECURSION)


def _runs_away(pattern: str, regex: Regex) -> bool:
    """Try names made of the pattern's own characters, which make a runaway pattern run away."""
    ends = time.monotonic() + _PROBING_BUDGET
    letters = dict.fromkeys(char for char in pattern if char.isalnum() or char in "._-/:")
    probes = [char * 60 for char in islice(letters, 12)] + ["".join(letters) * 4, "a" * 60]
    try:
        for probe in probes:
            for ending in ("", "\x01"):
                regex.matches(probe[:250] + ending)
            if time.monotonic() > ends:
                break
    except TooCostly:
        return True
    return False


def _recurses(pattern: str) -> bool:
    return any(call in pattern for call in ("(?R", "(?&", "(?P>", "(?+", "(?-", r"\g<")) or any(
        f"(?{digit}" in pattern for digit in "0123456789"
    )


def _variables(pattern: str) -> str:
    known = {
        "{username}": "the user's name",
        "{vhost}": "the virtual host's name",
        "{client_id}": "the MQTT client's ID",
    }
    meant = [f"{name} stands for {meaning}" for name, meaning in known.items() if name in pattern]
    if not meant:
        return ""
    return (
        f"{'; '.join(meant)}. The broker inserts it when it checks a name; before 4.3 "
        "it inserts it unescaped, so special characters become part of the "
        "expression."
    )
