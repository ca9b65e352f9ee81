"""Find messages by header, property, key or body, within what the reader may see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

from console.errors import InvalidField
from console.rabbitmq.amqp.message import Message
from vhosts.messages.headers import Row, header_rows, property_rows
from vhosts.messages.showing import Reader, Reason, read_body

_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Match:
    """What a message must contain, ignoring case. Empty parts match every message.

    `header` and `property` are a name, or a name and a part of the value as `name=value`; `key`
    and `exchange` are parts of the routing key and exchange; `body` is a part of the decoded body.
    A reader who may not see a part finds nothing by it, so a filter reveals no more than the page.
    """

    header: str = ""
    property: str = ""
    key: str = ""
    exchange: str = ""
    body: str = ""

    @classmethod
    def of(cls, params: Mapping[str, str]) -> Self:
        """Return the match of a request's or stored parameters; others are ignored. Raises
        InvalidField."""
        given = {part.name: params.get(part.name) or "" for part in fields(cls)}
        for name, value in given.items():
            if not isinstance(value, str) or len(value) > _LONGEST or "\0" in value:
                raise InvalidField(name, f"Enter up to {_LONGEST} characters.")
        return cls(**{name: value.strip() for name, value in given.items()})

    def __bool__(self) -> bool:
        """Return whether it asks for anything."""
        return any(self.params().values())

    def params(self) -> dict[str, str]:
        """Return the parts that are set; `of` reads them back."""
        every = {part.name: getattr(self, part.name) for part in fields(self)}
        return {name: value for name, value in every.items() if value}

    def __str__(self) -> str:
        """Return it for people, such as "key contains orders"."""
        return ", ".join(f"{name} contains {value}" for name, value in self.params().items())


def match(message: Message, reader: Reader, wanted: Match) -> bool:
    """Return whether the message matches, judged by what the reader may see of it."""
    masks = reader.masks
    return (
        _within(wanted.key, message.routing_key)
        and _within(wanted.exchange, message.exchange)
        and (not wanted.header or _row(wanted.header, header_rows(message, masks)))
        and (not wanted.property or _row(wanted.property, property_rows(message, masks)))
        and (not wanted.body or _body(wanted.body, message, reader))
    )


def _body(wanted: str, message: Message, reader: Reader) -> bool:
    """Search the decoded body. One that is binary or too large to be decoded is searched as it is,
    with upper and lower case as typed."""
    seen = read_body(message, reader)
    if isinstance(seen, Reason):
        return False
    if _within(wanted, seen.text):
        return True
    as_it_is = seen.decoded.cut or seen.decoded.kind == "Binary"
    return as_it_is and wanted.encode() in message.body


def _within(wanted: str, text: str) -> bool:
    return not wanted or wanted.casefold() in text.casefold()


def _row(wanted: str, rows: tuple[Row, ...]) -> bool:
    name, equals, value = wanted.partition("=")
    return any(
        row.name.casefold() == name.strip().casefold()
        and (not equals or (not row.masked and _within(value.strip(), row.text)))
        for row in rows
    )
