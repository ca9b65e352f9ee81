"""The rows of a metric in a scrape's answer, by their labels as sent."""

from __future__ import annotations

from console.rabbitmq.errors import AnswerTooLarge
from console.rabbitmq.text import printable
from console.rabbitmq.types import RejectedRow

_BIGGEST = 2**63 - 1

#: Labels as sent, to the value, as sent.
Values = dict[bytes, bytes]


def rows_of(body: bytes, metric: bytes) -> bytes:
    """Return the metric's lines together, starting at the first one's labels."""
    opening = b"\n" + metric + b"{"
    start = body.find(opening)
    if start < 0:
        return b""
    end = body.find(b"\n#", start)
    return body[start + len(opening) : end if end >= 0 else len(body)]


def values(body: bytes, metric: bytes, limit: int, rejected: list[RejectedRow]) -> Values:
    """Return the metric's rows. A line end inside a name is escaped, so each line is one row."""
    together = rows_of(body, metric)
    if not together:
        return {}
    rows = together.split(b"\n" + metric + b"{")
    if len(rows) > limit:
        raise AnswerTooLarge(f"{len(rows):,} rows; the limit is {limit:,}.")
    try:
        found: Values = dict([row.rsplit(b"} ", 1) for row in rows])  # type: ignore[misc]
    except ValueError:
        found = {}
    if len(found) == len(rows):
        return found
    return _values_one_by_one(rows, rejected)


def _values_one_by_one(rows: list[bytes], rejected: list[RejectedRow]) -> Values:
    found: Values = {}
    twins: set[bytes] = set()
    for row in rows:
        labels, separator, value = row.rpartition(b"} ")
        if not separator:
            rejected.append(RejectedRow("Not a valid metric line.", printable(row)))
        elif labels in found:
            twins.add(labels)
        else:
            found[labels] = value
    for labels in twins:
        # It's unknown which of the two is right.
        del found[labels]
        rejected.append(RejectedRow("It is listed twice.", printable(labels)))
    return found


def number(value: bytes | None) -> int | None:
    """Return the number; None if it is missing or NaN. Raises ValueError if it isn't plausible."""
    if value is None:
        return None
    if value.isdigit():
        found = int(value) if len(value) < 20 else -1
    elif value.strip().lower() == b"nan":
        return None
    else:
        as_float = float(value)  # "1.5e3" is valid
        found = int(as_float) if as_float.is_integer() and as_float < 2**62 else -1
    if not 0 <= found <= _BIGGEST:
        raise ValueError("The number of messages isn't plausible.")
    return found
