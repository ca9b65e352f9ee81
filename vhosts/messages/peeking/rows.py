"""What was read, as rows of a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from console.rabbitmq.amqp.message import Message
from console.rabbitmq.amqp.reading.streams import offset_of
from vhosts.messages.decoding.schemas import Schema
from vhosts.messages.matching import Match, match
from vhosts.messages.showing import Reader, Shown, shown

_SUMMARY = 120
#: Later times, in seconds since 1970, aren't dates.
_LATEST = 253_402_300_799


@dataclass(frozen=True, slots=True)
class Row:
    """A message in the list. `at` is its position from 1, in the order of the queue; `offset` that
    in a stream, else None; `published_at` what its publisher says, None if it says nothing. `read`
    is how many bytes of a longer body were read; None: all."""

    at: int
    message: Shown
    summary: str
    offset: int | None
    published_at: datetime | None
    read: int | None


def rows_of(
    messages: Sequence[Message], reader: Reader, wanted: Match, schema: Schema | None = None
) -> Iterator[Row]:
    """Yield the messages that match, as the reader may see them."""
    for at, message in enumerate(messages, 1):
        if not wanted or match(message, reader, wanted):
            yield row_of(at, message, shown(message, reader, schema=schema))


def row_of(at: int, message: Message, found: Shown) -> Row:
    text = found.payload.text[: 4 * _SUMMARY] if found.payload else ""
    return Row(
        at=at,
        message=found,
        summary=" ".join(text.split())[:_SUMMARY],
        offset=offset_of(message),
        published_at=_published(found),
        read=len(message.body) if message.is_cut else None,
    )


def _published(found: Shown) -> datetime | None:
    """Return the timestamp, unless a masking rule hides it."""
    said = next(
        (row.value for row in found.properties if row.name == "timestamp" and not row.masked), None
    )
    if not isinstance(said, int) or isinstance(said, bool) or not 0 < said <= _LATEST:
        return None
    return datetime.fromtimestamp(said, UTC)
