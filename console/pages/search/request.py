"""What somebody typed into the search, checked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from console.errors import InvalidField
from console.faces.lists import MAX_TEXT


class Mode(StrEnum):
    EVERYTHING = ""
    #: Pages and commands only.
    COMMANDS = ">"
    BROKERS = "@"


@dataclass(frozen=True, slots=True)
class Query:
    """`text` is what names must contain, whatever its case; "" matches every page, command and
    broker, but no object."""

    text: str
    mode: Mode = Mode.EVERYTHING

    @classmethod
    def read(cls, typed: str) -> Query:
        """Read a query such as `orders`, `> create` or `@prod`. Raises InvalidField."""
        if "\0" in typed:
            raise InvalidField("q", "A search can't contain a NUL character.")
        if len(typed) > MAX_TEXT:
            raise InvalidField("q", f"A search can be at most {MAX_TEXT} characters long.")
        text = typed.strip()
        for mode in (Mode.COMMANDS, Mode.BROKERS):
            if text.startswith(mode.value):
                return cls(text[1:].strip(), mode)
        return cls(text)
