"""CSV of a whole list, streamed, and safe to open in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol

from django.db.models import QuerySet
from django.http import StreamingHttpResponse

CHUNK = 2000
#: A spreadsheet treats a cell that starts with one of these as a formula, or drops the character
#: and then does (OWASP, CSV injection; ASVS 1.2.10). The last four are full-width forms.
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")


class Exported(Protocol):
    """What `stream_csv` needs of a column. `Column` has it."""

    @property
    def key(self) -> str: ...
    @property
    def value(self) -> Callable[[Any], object] | None: ...


def safe_cell(value: object) -> str:
    """Return the text of a cell. None is empty, times are ISO 8601 in UTC, booleans are yes or no.
    Text that a spreadsheet would run gets a leading apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    return f"'{text}" if text.startswith(_DANGEROUS) else text


def stream_csv(
    filename: str, columns: Sequence[Exported], rows: QuerySet[Any] | Iterable[Any]
) -> StreamingHttpResponse:
    """Return all `rows` as a download, streamed so that memory use doesn't grow with the list. A
    queryset is read with a server-side cursor."""
    found = rows.iterator(chunk_size=CHUNK) if isinstance(rows, QuerySet) else iter(rows)
    response = StreamingHttpResponse(_lines(columns, found), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def _lines(columns: Sequence[Exported], rows: Iterator[Any]) -> Iterator[str]:
    writer = csv.writer(_Echo(), quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    readers = [column.value for column in columns if column.value]
    lines = [writer.writerow([column.key for column in columns if column.value])]
    for row in rows:
        lines.append(writer.writerow([safe_cell(read(row)) for read in readers]))
        if len(lines) >= 200:
            yield "".join(lines)
            lines = []
    yield "".join(lines)


class _Echo:
    """A file for csv.writer whose `writerow` returns the line."""

    def write(self, line: str) -> str:
        return line
