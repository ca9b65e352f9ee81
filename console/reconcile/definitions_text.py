"""The bytes of a definitions file as JSON that has one meaning only.

RabbitMQ, Python and Postgres read duplicate keys, lone surrogates and NUL differently, so that what
was checked would not be what is done.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

#: The broker's own limit.
MOST_BYTES = 20 * 1024 * 1024
MOST_DEPTH = 64
_MOST_INTEGER = 2**63 - 1
_OTHERS = {
    b"\x1f\x8b": "The file is compressed (gzip). Unpack it first.",
    b"PK\x03\x04": "The file is compressed (zip). Unpack it first.",
    b"\xff\xfe": "The file is UTF-16, as some shells write it. Save it as UTF-8.",
    b"\xfe\xff": "The file is UTF-16, as some shells write it. Save it as UTF-8.",
}
_SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


class NotDefinitions(ValueError):
    """Nothing of the file can be read; one sentence."""


class TooLarge(NotDefinitions):
    """Larger than MOST_BYTES; not parsed."""


def read_json(body: bytes, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """The top object. Raises TooLarge, NotDefinitions."""
    if len(body) > most_bytes:
        raise TooLarge(f"The file is larger than {most_bytes // 1024 // 1024} MB.")
    if found := next((what for magic, what in _OTHERS.items() if body.startswith(magic)), None):
        raise NotDefinitions(found)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotDefinitions(f"The file is not UTF-8 (byte {error.start}).") from None
    try:
        top = json.loads(
            text, parse_int=_integer, parse_constant=_constant, object_pairs_hook=_object
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise NotDefinitions(f"The file is not JSON ({where}).") from None
    except RecursionError:
        raise NotDefinitions(f"The file is nested deeper than {MOST_DEPTH}.") from None
    if not isinstance(top, dict):
        raise NotDefinitions("The file must hold one JSON object.")
    _check(top, 1, bool(_SUSPECT.search(text)))
    return top


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        named = [str(value)[:60] for key, value in pairs if key == "name"]
        where = f" of the object named {named[0]!a}" if named else ""
        raise NotDefinitions(
            f"The key {twice[:60]!a}{where} is there twice: brokers read that differently."
        )
    return found


def _integer(digits: str) -> int:
    if len(digits) > 20 or abs(int(digits)) > _MOST_INTEGER:
        raise NotDefinitions(f"The number {digits[:20]} does not fit into 64 bits.")
    return int(digits)


def _constant(name: str) -> float:
    raise NotDefinitions(f"{name} is not a number that JSON has.")


def _check(value: Any, depth: int, texts: bool) -> None:
    if depth > MOST_DEPTH:
        raise NotDefinitions(f"The file is nested deeper than {MOST_DEPTH}.")
    if isinstance(value, dict):
        for key, inner in value.items():
            if texts:
                _check_text(key)
            if inner.__class__ in (dict, list, float) or texts:
                _check(inner, depth + 1, texts)
    elif isinstance(value, list):
        for inner in value:
            if inner.__class__ in (dict, list, float) or texts:
                _check(inner, depth + 1, texts)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise NotDefinitions("A number is not finite.")
    elif texts and isinstance(value, str):
        _check_text(value)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise NotDefinitions("A text holds a NUL character.")
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        raise NotDefinitions("A text holds half of a surrogate pair, which is no character.")
