"""The rows of a metric in a scrape's answer, by their labels as sent."""

from __future__ import annotations

from collections.abc import Iterable

from console.rabbitmq.errors import AnswerTooLarge
from console.rabbitmq.text import printable
from console.rabbitmq.types import RejectedRow

_BIGGEST = 2**63 - 1

#: Labels as sent, to the value, as sent.
Values = dict[bytes, bytes]


class Metrics:
    """The metrics of an answer, found in one pass over it."""

    def __init__(self, body: bytes) -> None:
        first, *more = body.split(b"\n# TYPE ")
        self._blocks = {
            block[: block.find(b" ")]: block for block in (first.removeprefix(b"# TYPE "), *more)
        }

    def rows_of(self, metric: bytes) -> bytes:
        """Return the metric's lines together, starting at the first one's labels; b"" without any."""
        block = self._blocks.get(metric, b"")
        opening = b"\n" + metric + b"{"
        start = block.find(opening)
        if start < 0:
            return b""
        rows = block[start + len(opening) :].rstrip(b"\n")
        # What describes the next metric may precede its type.
        end = rows.rfind(b"\n")
        while end >= 0 and rows.startswith(b"#", end + 1):
            rows = rows[:end]
            end = rows.rfind(b"\n")
        return rows


def values(metrics: Metrics, metric: bytes, limit: int, rejected: list[RejectedRow]) -> Values:
    """Return the metric's rows. A line end inside a name is escaped, so each line is one row."""
    together = metrics.rows_of(metric)
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


def numbers(values: Iterable[bytes]) -> list[int] | None:
    """Return what `number` returns for each; None if they aren't all digits, few enough for any."""
    found = list(values)
    if b"".join(found).isdigit() and b"" not in found and max(map(len, found)) < 19:
        return list(map(int, found))
    return None


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
