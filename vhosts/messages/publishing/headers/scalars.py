"""Single values of AMQP's types, and what fits them."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

#: The name of each type in `$type` (as console.rabbitmq.amqp.properties.fields.TYPES has them), and its letter.
TYPES: Mapping[str, str] = {
    "string": "S", "bytes": "x", "boolean": "t", "void": "V", "timestamp": "T", "decimal": "D",
    "int8": "b", "uint8": "B", "int16": "s", "uint16": "u", "int32": "I", "uint32": "i", "int64": "l",
    "float": "f", "double": "d", "array": "A", "table": "F",
}  # fmt: skip
NAMES = {letter: name for name, letter in TYPES.items()}
#: What fits whole numbers.
RANGES: Mapping[str, range] = {
    "b": range(-(2**7), 2**7), "B": range(2**8), "s": range(-(2**15), 2**15), "u": range(2**16),
    "I": range(-(2**31), 2**31), "i": range(2**32), "l": range(-(2**63), 2**63), "T": range(2**63),
}  # fmt: skip
#: Later times can't be read back by common clients.
LAST_SECOND = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())
_MOST_TEXT = 64 * 1024


class Unfit(Exception):
    """A value that doesn't fit its type; the message is a sentence."""


def seconds(text: str) -> int:
    """Return whole seconds since 1970 of a number, or of a time in ISO 8601 with zone. Raises
    Unfit."""
    try:
        if text.isascii() and text.isdecimal() and len(text) < 20:
            found = int(text)
        else:
            at = datetime.fromisoformat(text)
            if at.tzinfo is None:
                raise Unfit("Give the time with its zone, such as 2026-01-31T12:00:00Z.")
            found = int(at.timestamp())
    except (ValueError, OverflowError):
        raise Unfit(
            "This isn't a time. Write seconds since 1970, or 2026-01-31T12:00:00Z."
        ) from None
    return whole_of("timestamp", found)


def text_of(value: str) -> str:
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise Unfit("This isn't valid Unicode.") from None
    if size > _MOST_TEXT:
        raise Unfit(f"{size:,} bytes; the limit here is {_MOST_TEXT:,}.")
    return value


def bytes_of(text: str) -> bytes:
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Unfit("This isn't valid base64.") from None
    if len(found) > _MOST_TEXT:
        raise Unfit(f"{len(found):,} bytes; the limit here is {_MOST_TEXT:,}.")
    return found


def whole_of(kind: str, value: int) -> int:
    fits = RANGES[TYPES[kind]]
    if value not in fits or (kind == "timestamp" and value > LAST_SECOND):
        raise Unfit("The time must be from 1970 to 9999." if kind == "timestamp" else
                     f"The number must be from {fits.start:,} to {fits.stop - 1:,}.")  # fmt: skip
    return value


def finite_of(value: float, most: float | None = None) -> float:
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found) or (most is not None and abs(found) > most):
        raise Unfit("The number must be finite, and fit the type.")
    return found


def decimal_of(text: str) -> Decimal:
    try:
        found = Decimal(text) if len(text) <= 60 else Decimal("NaN")
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or abs(found.adjusted()) > 255:
        raise Unfit("This isn't a decimal number.")
    places = max(0, -int(found.as_tuple().exponent))
    if places > 255 or int(found.scaleb(places)) not in RANGES["I"]:
        raise Unfit("AMQP's decimals have at most 32 bits and 255 decimal places.")
    return found
