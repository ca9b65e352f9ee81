"""Many rows to Postgres at once: a temporary table, filled by COPY."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db.backends.utils import CursorWrapper

#: Below, the planner's guess for a table it knows nothing of is good enough.
_WORTH_ANALYZING = 1000
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@contextlib.contextmanager
def temporary_table(
    cursor: CursorWrapper, name: str, columns: dict[str, str], rows: Iterable[Sequence[Any]]
) -> Iterator[None]:
    """For the block, a table `name` of `columns` (name: type) that holds `rows`. Within a transaction.

    Strings may hold any character but NUL, which Postgres cannot store; lists become arrays of text,
    dicts JSON.
    """
    definition = ", ".join(f"{column} {kind}" for column, kind in columns.items())
    cursor.execute(f"CREATE TEMP TABLE {name} ({definition}) ON COMMIT DROP")
    text = "".join(["\t".join(map(_field, row)) + "\n" for row in rows])
    # Django does not turn the errors of this method into its own.
    with cursor.db.wrap_database_errors:
        cursor.copy_expert(f"COPY {name} FROM STDIN", io.StringIO(text))
    if text.count("\n") > _WORTH_ANALYZING:
        cursor.execute(f"ANALYZE {name}")
    yield
    cursor.execute(f"DROP TABLE {name}")


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
