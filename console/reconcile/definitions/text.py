"""Parse the bytes of a definitions file as JSON with only one meaning.

RabbitMQ, Python and Postgres read duplicate keys, lone surrogates and NUL differently, so what was
checked would not be what is applied.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

#: The broker's own limit, in bytes.
MOST_BYTES = 20 * 1024 * 1024
MOST_DEPTH = 64
_MOST_INTEGER = 2**63 - 1
_OTHERS = {
    b"\x1f\x8b": "The file is compressed (gzip). Decompress it first.",
    b"PK\x03\x04": "The file is compressed (zip). Decompress it first.",
    b"\xff\xfe": "The file is UTF-16, as some shells write it. Save it as UTF-8.",
    b"\xfe\xff": "The file is UTF-16, as some shells write it. Save it as UTF-8.",
}
#: Bare characters that only tolerant reading accepts.
_ODD = re.compile("[\0\ud800-\udfff]")
_SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


class NotDefinitions(ValueError):
    """Nothing of the file can be read; the text is one sentence."""


class TooLarge(NotDefinitions):
    """Larger than the limit; not parsed."""


def read_json(body: bytes, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """Return the top-level object. Raises TooLarge, NotDefinitions."""
    top, suspect = read_unchecked(body, most_bytes)
    _check(top, 1, suspect)
    return top


def why_unreadable(value: Any, *, suspect: bool = True) -> str:
    """Return why a value of `read_unchecked` is ambiguous or can't be stored; "" if it is sound."""
    try:
        _check(value, 3, suspect)
    except NotDefinitions as error:
        return str(error)
    return ""


def readable(row: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a row that can be read, and those of its metadata."""
    found = {}
    for name, value in row.items():
        if why_unreadable(name):
            continue
        if isinstance(value, dict):
            found[name] = {
                key: inner
                for key, inner in value.items()
                if not (why_unreadable(key) or why_unreadable(inner))
            }
        elif not why_unreadable(value):
            found[name] = value
    return found


def read_unchecked(
    body: bytes, most_bytes: int = MOST_BYTES, *, tolerant: bool = False
) -> tuple[dict[str, Any], bool]:
    """Return the top-level object, and whether a text in it may be unfit.

    An ambiguous value is replaced by one for which `why_unreadable` gives the reason. `tolerant`
    also accepts bytes that aren't UTF-8 and bare control characters. Raises TooLarge,
    NotDefinitions.
    """
    if len(body) > most_bytes:
        raise TooLarge(f"The file is larger than {most_bytes // 1024 // 1024} MB.")
    if found := next((what for magic, what in _OTHERS.items() if body.startswith(magic)), None):
        raise NotDefinitions(found)
    try:
        text = body.decode("utf-8-sig", "surrogateescape" if tolerant else "strict")
    except UnicodeDecodeError as error:
        raise NotDefinitions(f"The file isn't valid UTF-8 (byte {error.start}).") from None
    try:
        top = json.loads(
            text,
            strict=not tolerant,
            parse_int=_integer,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise NotDefinitions(f"The file isn't valid JSON ({where}).") from None
    except RecursionError:
        raise NotDefinitions(f"The file is nested deeper than {MOST_DEPTH}.") from None
    if isinstance(top, _Unfit):
        raise NotDefinitions(top.sentence)
    if not isinstance(top, dict):
        raise NotDefinitions("The file must hold one JSON object.")
    return top, bool(_SUSPECT.search(text)) or (tolerant and bool(_ODD.search(text)))


class _Unfit:
    """Replaces a value that is ambiguous."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Unfit:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        named = [str(value)[:60] for key, value in pairs if key == "name"]
        where = f" of the object named {named[0]!a}" if named else ""
        return _Unfit(
            f"The key {twice[:60]!a}{where} appears twice, and brokers handle that "
            "differently. Remove one."
        )
    return found


def _integer(digits: str) -> int | _Unfit:
    if len(digits) > 20 or abs(int(digits)) > _MOST_INTEGER:
        return _Unfit(f"The number {digits[:20]} doesn't fit into 64 bits.")
    return int(digits)


def _constant(name: str) -> _Unfit:
    return _Unfit(f"{name} isn't a valid JSON number.")


#: Types of values that may be unfit even if all texts are fit.
_DEEP = (dict, list, float, _Unfit)


def _check(value: Any, depth: int, texts: bool) -> None:
    if depth > MOST_DEPTH:
        raise NotDefinitions(f"The file is nested deeper than {MOST_DEPTH}.")
    if isinstance(value, dict):
        for key, inner in value.items():
            if texts:
                _check_text(key)
            if inner.__class__ in _DEEP or texts:
                _check(inner, depth + 1, texts)
    elif isinstance(value, list):
        for inner in value:
            if inner.__class__ in _DEEP or texts:
                _check(inner, depth + 1, texts)
    elif isinstance(value, _Unfit):
        raise NotDefinitions(value.sentence)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise NotDefinitions("A number isn't finite.")
    elif texts and isinstance(value, str):
        _check_text(value)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise NotDefinitions("A text contains a NUL character.")
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        raise NotDefinitions("A text contains an unpaired surrogate.")
