"""Copy many rows to Postgres at once, with COPY into a temporary table."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db.backends.utils import CursorWrapper

#: With fewer rows, the planner's default estimate for a table without statistics is good enough.
_WORTH_ANALYZING = 1000
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@contextlib.contextmanager
def temporary_table(
    cursor: CursorWrapper, name: str, columns: dict[str, str], rows: Iterable[Sequence[Any]]
) -> Iterator[None]:
    """Provide a temporary table `name` with `rows` while the block runs. Needs a transaction.

    `columns` maps names to types. Strings may contain any character except NUL, which Postgres
    can't store. Lists become text arrays, dicts become JSON.
    """
    definition = ", ".join(f"{column} {kind}" for column, kind in columns.items())
    cursor.execute(f"CREATE TEMP TABLE {name} ({definition}) ON COMMIT DROP")
    if copy_rows(cursor, name, columns, rows) > _WORTH_ANALYZING:
        cursor.execute(f"ANALYZE {name}")
    yield
    cursor.execute(f"DROP TABLE {name}")


def copy_rows(
    cursor: CursorWrapper, table: str, columns: Iterable[str], rows: Iterable[Sequence[Any]]
) -> int:
    """Copy `rows`, with values in the order of `columns`, to a table; return their number. Names are
    quoted where they need it. Values: see `temporary_table`."""
    text = "".join(["\t".join(map(_field, row)) + "\n" for row in rows])
    # Django doesn't convert the errors of this method to its own.
    with cursor.db.wrap_database_errors:
        cursor.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN", io.StringIO(text))
    return text.count("\n")


def _field(value: Any) -> str:
    kind = type(value)
    if kind is str:
        return value.translate(_ESCAPES)  # type: ignore[no-any-return]
    if kind is int:
        return str(value)
    if value is None:
        return "\\N"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, (list, tuple)):
        return _array(value).translate(_ESCAPES)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False).translate(_ESCAPES)
    return str(value).translate(_ESCAPES)


def _array(items: Iterable[Any]) -> str:
    quoted = (str(item).replace("\\", "\\\\").replace('"', '\\"') for item in items)
    return "{" + ",".join(f'"{item}"' for item in quoted) + "}"
