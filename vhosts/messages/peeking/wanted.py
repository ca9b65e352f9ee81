"""What somebody wants to read: how many messages, and of a stream from where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from console.errors import InvalidField
from console.rabbitmq.amqp.reading.streams import BloomFilter, Start

MOST = 500
DEFAULT = 20
STARTS = ("first", "last", "offset", "time")
_MOST_FILTERS = 16
_LONGEST_FILTER = 255
_HIGHEST_OFFSET = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """`start` and `only` count for streams only."""

    count: int = DEFAULT
    start: Start = field(default_factory=Start)
    only: BloomFilter | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Wanted:
        """Return it from a form or a request's body. Raises InvalidField.

        `count`; `from` is one of STARTS, with `offset` or `time`; `filter` has values separated by
        commas or in a list, `unfiltered` any true value.
        """
        return cls(_count(given.get("count")), _start(given), _only(given))


def _count(said: Any) -> int:
    if said in (None, ""):
        return DEFAULT
    count = _whole(said)
    if count is None or not 1 <= count <= MOST:
        raise InvalidField("count", f"Enter a number of messages from 1 to {MOST}.")
    return count


def _start(given: Mapping[str, Any]) -> Start:
    at = given.get("from") or "first"
    if at not in STARTS:
        raise InvalidField("from", f"Must be one of {', '.join(STARTS)}.")
    if at == "offset":
        offset = _whole(given.get("offset"))
        if offset is None or not 0 <= offset <= _HIGHEST_OFFSET:
            raise InvalidField("offset", "Enter an offset: a whole number from 0 on.")
        return Start(offset)
    if at == "time":
        return Start(_time(given.get("time")))
    return Start("last" if at == "last" else "first")


def _time(said: Any) -> datetime:
    """Return a time; one without a zone is UTC."""
    try:
        found = said if isinstance(said, datetime) else parse_datetime(str(said or ""))
    except ValueError:
        found = None
    if found is None:
        raise InvalidField("time", "Enter a time such as 2026-03-01T08:30:00Z.")
    whole = found if found.tzinfo else found.replace(tzinfo=UTC)
    if not 0 <= whole.timestamp() < 2**32:
        raise InvalidField("time", "Enter a time after 1970.")
    return whole


def _only(given: Mapping[str, Any]) -> BloomFilter | None:
    said = given.get("filter") or ()
    parts = said.split(",") if isinstance(said, str) else list(said)
    values = tuple(part.strip() for part in parts if isinstance(part, str) and part.strip())
    if len(values) > _MOST_FILTERS or any(
        "\0" in one or len(one.encode(errors="replace")) > _LONGEST_FILTER for one in values
    ):
        raise InvalidField("filter", f"Enter up to {_MOST_FILTERS} values of up to 255 bytes.")
    return BloomFilter(values, bool(given.get("unfiltered"))) if values else None


def _whole(said: Any) -> int | None:
    if isinstance(said, int) and not isinstance(said, bool):
        return said
    text = said.strip() if isinstance(said, str) else ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 19 else None
