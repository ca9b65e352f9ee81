"""Several things to do, of which one that fails stops no other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import structlog
from django.db import DatabaseError, DataError, InterfaceError

from console.errors import ConsoleError

log = structlog.get_logger(__name__)

#: Characters of an error that are kept.
MOST = 500


class SomeFailed(Exception):
    """Raised at the end: the rest was done. Its text is safe to show: see error_text."""


def each_alone(actions: Iterable[tuple[str, Callable[[], object]]]) -> None:
    """Runs every action, whatever the ones before did. `actions` are (name, action). Raises
    SomeFailed, which names those that failed, after the last one."""
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
    """One or two sentences about an error, which people may see: what Postgres said without the values
    and addresses that drivers add, our own errors' messages, and of anything else where it was raised.
    The whole of it is in the log."""
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
    if isinstance(error, DataError):  # what it quotes is a value, not the name of a table
        said = re.sub(r'"[^"]*"?', '"…"', said)
    return f"Postgres says: {said}."


def _place(error: Exception) -> str:
    """The innermost line of the error's trace, such as `vhosts.history.rollups, line 80`."""
    trace = error.__traceback__
    if trace is None:
        return "an unknown place"
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}, line {trace.tb_lineno}"
