"""JSON as the API accepts it: small, shallow, UTF-8, with only one meaning.

Whatever two parsers could read differently (duplicate keys, NaN, numbers beyond 64 bits, lone
surrogates) is refused, because Postgres and RabbitMQ parse it again.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import IO, Any

from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.parsers import BaseParser

MAX_BODY = 256 * 1024  # bytes
MAX_DEPTH = 64
_MAX_INTEGER = 2**63 - 1
#: JSON strings, so that brackets inside them don't count as depth.
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


class BodyTooLarge(APIException):
    status_code = 413
    default_code = "payload_too_large"
    default_detail = f"The body is larger than {MAX_BODY // 1024} KB."


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the JSON object in the body. Raises BodyTooLarge (413), and ParseError and
        ValidationError (400); the latter names the field."""
        try:
            body = stream.read(MAX_BODY + 1)
        except OSError:
            raise ParseError("The body couldn't be read. Send it again.") from None
        if len(body) > MAX_BODY:
            raise BodyTooLarge
        return parse_object(body)


def parse_object(body: bytes) -> dict[str, Any]:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise ParseError("The body isn't valid UTF-8.") from None
    if _depth(text) > MAX_DEPTH:
        raise ParseError(f"The JSON is nested deeper than {MAX_DEPTH}.")
    try:
        value = json.loads(text, parse_int=_integer, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ParseError(f"The body isn't valid JSON ({where}).") from None
    except (ValueError, RecursionError):
        raise ParseError("The body isn't valid JSON.") from None
    if not isinstance(value, dict):
        raise ParseError("Send a JSON object.")
    for path, reason in _faults(value, ""):
        raise ValidationError({path or "body": [reason]})
    return value


def _depth(text: str) -> int:
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _integer(digits: str) -> int:
    # Python takes quadratic time for long numbers. All numbers of this length are too large anyway.
    return int(digits) if len(digits) <= 30 else 10**30


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValidationError({shown_key(key): ["This field appears twice."]})
        found[key] = value
    return found


def _faults(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            here = f"{path}.{shown_key(key)}" if path else shown_key(key)
            if (reason := _text_fault(key)) is not None:
                yield here, f"The field name contains {reason}."
            yield from _faults(inner, here)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _faults(inner, f"{path}.{position}" if path else str(position))
    elif isinstance(value, str):
        if (reason := _text_fault(value)) is not None:
            yield path, f"The text contains {reason}."
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield path, "The number must be finite."
    elif isinstance(value, int) and abs(value) > _MAX_INTEGER:
        yield path, "The number doesn't fit into 64 bits."


def _text_fault(text: str) -> str | None:
    if "\0" in text:
        return "a NUL character"
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        return "an unpaired surrogate"
    return None


def shown_key(key: str) -> str:
    """Return a key from a request, safe to show in an error."""
    return key[:100].encode("ascii", "backslashreplace").decode() or '""'
