"""Run several actions, so that one that fails doesn't stop the others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import structlog
from django.db import DatabaseError, DataError, InterfaceError

from console.errors import ConsoleError

log = structlog.get_logger(__name__)

#: Most characters of an error to keep.
MOST = 500


class SomeFailed(Exception):
    """Raised after the last action; the others were done. Its text is safe to show: see
    error_text."""


def each_alone(actions: Iterable[tuple[str, Callable[[], object]]]) -> None:
    """Run every action, even if earlier ones failed. `actions` are (name, action). After the last
    one, raises SomeFailed with the names of those that failed."""
    failed: list[str] = []
    total = 0
    for name, action in actions:
        total += 1
        try:
            action()
        except Exception as error:
            log.exception("one_failed", name=name)
            failed.append(f"{name}: {error_text(error)}")
    if failed:
        raise SomeFailed(f"{len(failed)} of {total} failed. {' '.join(failed)}"[:MOST])


def error_text(error: Exception) -> str:
    """Return one or two sentences about an error, safe to show to people.

    For Postgres: its message without the values and addresses that drivers add. For our own errors:
    their messages. For others: where they were raised. The log has the full error.
    """
    if isinstance(error, (SomeFailed, ConsoleError)):
        text = str(getattr(error, "message", "") or error)
    elif isinstance(error, (DatabaseError, InterfaceError)) and error.__cause__ is not None:
        text = _said_by_postgres(error)
    else:
        text = f"{type(error).__name__} in {_place(error)}. The log of the worker has the details."
    return text.replace("\x00", "\ufffd")[:MOST]


def _said_by_postgres(error: Exception) -> str:
    said = getattr(getattr(error.__cause__, "diag", None), "message_primary", None)
    if not said:
        return "Postgres doesn't answer."
    if isinstance(error, DataError):  # in these, quoted text is a value, not a table's name
        said = re.sub(r'"[^"]*"?', '"…"', said)
    return f"Postgres says: {said}."


def _place(error: Exception) -> str:
    """Return the innermost line of the error's trace, such as `vhosts.history.rollups, line 80`."""
    trace = error.__traceback__
    if trace is None:
        return "an unknown place"
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}, line {trace.tb_lineno}"
