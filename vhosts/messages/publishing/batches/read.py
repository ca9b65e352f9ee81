"""Read a file of messages: JSON lines, each checked before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from console.errors import InvalidField
from console.faces.rest.parsers import shown_key
from vhosts.messages.publishing.message import Draft, read_message

#: Bytes of a file and of one line, and lines of a file.
MOST_FILE = 16 * 1024 * 1024
MOST_LINE = 1024 * 1024
MOST_LINES = 10_000
#: Faults that are listed.
MOST_FAULTS = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a line. `field` is a path such as `properties.priority`, or ""."""

    line: int
    field: str
    message: str

    def __str__(self) -> str:
        where = f"Line {self.line:,}, {self.field}" if self.field else f"Line {self.line:,}"
        return f"{where}: {self.message}"


class BadFile(InvalidField):
    """The file can't be sent as it is. `faults`: the first MOST_FAULTS of `number`."""

    def __init__(self, message: str, faults: tuple[Fault, ...] = (), number: int = 0) -> None:
        super().__init__("file", message)
        self.faults, self.number = faults, number
        self.data["faults"] = [str(one) for one in faults]


@dataclass(frozen=True, slots=True)
class Line:
    """A line that was checked, with its bytes."""

    number: int
    text: bytes
    draft: Draft


def lines_of(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield (number, line) of a file that comes in chunks, without empty lines. A line that is too
    long is cut at one byte over the limit. Raises BadFile for a file that is too large."""
    number, rest, size = 0, b"", 0
    for chunk in chunks:
        size += len(chunk)
        if size > MOST_FILE:
            raise BadFile(f"The file is larger than {MOST_FILE // 1024 // 1024} MiB.")
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            number += 1
            if line.strip():
                yield number, line[: MOST_LINE + 1]
        if len(rest) > 2 * MOST_LINE:
            raise BadFile(f"Line {number + 1:,} is longer than {MOST_LINE // 1024 // 1024} MiB.")
    if rest.strip():
        yield number + 1, rest[: MOST_LINE + 1]


def read_line(text: bytes, exchange: str) -> Draft:
    """Return the message of a line; `exchange` is used where it names none. Raises
    InvalidField."""
    if len(text) > MOST_LINE:
        raise InvalidField("", f"The line is longer than {MOST_LINE // 1024 // 1024} MiB.")
    data = _parsed(text)
    return read_message(data, exchange=exchange)


def _parsed(text: bytes) -> Any:
    """Return the JSON of a line, which has only one meaning. Raises InvalidField.

    The API's parser checks the depth of the text first, which takes a hundred times a long line's
    size. Here Python's own limit ends the recursion, and `read_message` checks what is in it.
    """
    try:
        return json.loads(
            text.decode(), parse_int=_integer, parse_constant=_refused, object_pairs_hook=_object
        )
    except UnicodeDecodeError:
        raise InvalidField("", "The line isn't valid UTF-8.") from None
    except json.JSONDecodeError as error:
        raise InvalidField("", f"The line isn't valid JSON (column {error.colno}).") from None
    except RecursionError:
        raise InvalidField("", "The line is nested too deep.") from None
    except ValueError:
        raise InvalidField("", "The line isn't valid JSON: numbers must be finite.") from None


def _integer(digits: str) -> int:
    # Python takes quadratic time for long numbers. All of this length are too large anyway.
    return int(digits) if len(digits) <= 30 else 10**30


def _refused(name: str) -> Any:
    raise ValueError(name)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise InvalidField(shown_key(name), "This field appears twice.")
        found[name] = value
    return found


def checked(
    chunks: Iterable[bytes], exchange: str, check: Callable[[Draft], None]
) -> Iterator[Line]:
    """Yield every line that is right, and raise BadFile at the end if one isn't. `check` raises
    InvalidField for what the virtual host doesn't allow."""
    faults: list[Fault] = []
    number = lines = 0
    for at, text in lines_of(chunks):
        lines += 1
        if lines > MOST_LINES:
            raise BadFile(f"More than {MOST_LINES:,} messages. Split the file.")
        try:
            draft = read_line(text, exchange)
            check(draft)
        except InvalidField as error:
            number += 1
            if len(faults) < MOST_FAULTS:
                faults.append(Fault(at, error.field, error.message))
            continue
        if not number:
            yield Line(at, text, draft)
    if number:
        wrong = "1 line is wrong" if number == 1 else f"{number:,} lines are wrong"
        raise BadFile(f"{wrong}, so nothing was sent.", tuple(faults), number)
    if not lines:
        raise BadFile("The file has no messages.")
