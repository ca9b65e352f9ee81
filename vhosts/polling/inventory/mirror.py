"""Write a complete or partial listing of one kind to the table that mirrors it.

Differences are updated, new rows added, and rows missing in a complete listing removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper

from console.faces.mirror import Doubt
from vhosts.polling.copying import temporary_table

#: If more than this share is missing, and at least this many, a second listing must confirm it.
_MASS_SHARE = 0.2
_MASS_LEAST = 5


@dataclass(frozen=True)
class Kind:
    """A mirror table: its key columns (all text), and its value columns with their types.

    `leaves` is the column that marks a row as gone instead of deleting it, so that its history
    stays. `given` are columns, as SQL, that a new row gets and that the listing doesn't contain.
    """

    name: str
    table: str
    keys: tuple[str, ...]
    values: dict[str, str]
    touched: str  # the column with the time of the last difference
    leaves: str = ""
    given: dict[str, str] = field(default_factory=dict)
    #: Position of the virtual host in the key; None if there is none.
    vhost_at: int | None = None

    @property
    def columns(self) -> dict[str, str]:
        return {**dict.fromkeys(self.keys, "text"), **self.values}


@dataclass(frozen=True)
class Mirrored:
    changed: int
    added: int
    missing: int
    known: int
    #: Whether the missing rows were dropped; False if so many were missing that it looks like a
    #: mistake.
    dropped: bool

    @property
    def came_or_went(self) -> bool:
        return bool(self.added or (self.missing and self.dropped))


def lay_over(
    kind: Kind,
    broker_id: int,
    rows: Iterable[Sequence[Any]],
    *,
    now: datetime,
    complete: bool,
    confirmed: bool,
    newer: Sequence[tuple[str, ...]] = (),
    doubtful: Doubt | None = None,
) -> Mirrored:
    """Write `rows` (in the order of `kind.columns`) to the mirror, within the caller's
    transaction.

    `confirmed`: an earlier listing already missed as many rows, so a mass disappearance is real.
    `newer`: keys of objects read since the listing began; the listing is ignored for them.
    `doubtful`: rows that even a complete listing doesn't prove to be gone.
    """
    if newer:
        left_alone = set(newer)
        rows = [row for row in rows if tuple(row[: len(kind.keys)]) not in left_alone]
    with connection.cursor() as cursor:
        statements = _Statements(kind, broker_id, now, newer, doubtful)
        with temporary_table(cursor, "seen", kind.columns, rows):
            changed = statements.run(cursor, statements.update)
            added = statements.run(cursor, statements.insert)
            if not complete:
                return Mirrored(changed, added, 0, 0, dropped=False)
            cursor.execute(statements.count, statements.parameters)
            known, missing = cursor.fetchone()
            many = missing >= _MASS_LEAST and missing > _MASS_SHARE * known
            dropped = bool(missing and (confirmed or not many))
            if dropped:
                statements.run(cursor, statements.drop)
            if doubtful is not None:
                changed += statements.run(cursor, statements.mark)
    return Mirrored(changed, added, missing, known, dropped)


class _Statements:
    # Every name below is one of the console's own columns; values are passed as parameters.

    def __init__(
        self,
        kind: Kind,
        broker_id: int,
        now: datetime,
        newer: Sequence[tuple[str, ...]],
        doubtful: Doubt | None,
    ) -> None:
        self.kind = kind
        self.parameters: dict[str, Any] = {"broker": broker_id, "now": now}
        same = " AND ".join(f"s.{key} = t.{key}" for key in kind.keys)
        mine = "t.broker_id = %(broker)s"
        there = f"AND t.{kind.leaves} IS NULL" if kind.leaves else ""
        revive = f", {kind.leaves} = NULL" if kind.leaves else ""
        was_gone = f"OR t.{kind.leaves} IS NOT NULL" if kind.leaves else ""
        unseen = f"NOT EXISTS (SELECT FROM seen s WHERE {same})"
        if newer:
            arrays = []
            for at in range(len(kind.keys)):
                self.parameters[f"newer_{at}"] = [key[at] for key in newer]
                arrays.append(f"%(newer_{at})s::text[]")
            keys = _listed("t", kind.keys)
            unseen += f" AND ({keys}) NOT IN (SELECT * FROM unnest({', '.join(arrays)}))"  # noqa: S608
        self.mark = ""
        if doubtful is not None:
            self.parameters |= doubtful.parameters
            self.mark = f"""
                UPDATE {kind.table} t SET {doubtful.marked}
                WHERE {mine} {there} AND {unseen} AND {doubtful.where}
            """  # noqa: S608
            unseen += f" AND NOT {doubtful.where}"
        # A kind without values, such as bindings, is there or not: nothing in its rows can differ.
        self.update = (
            f"""
            UPDATE {kind.table} t
            SET {", ".join(f"{name} = s.{name}" for name in kind.values)},
                {kind.touched} = %(now)s {revive}
            FROM seen s
            WHERE {mine} AND {same}
              AND (({_listed("t", kind.values)}) IS DISTINCT FROM ({_listed("s", kind.values)})
                   OR t.{kind.touched} IS NULL {was_gone})
        """  # noqa: S608
            if kind.values
            else ""
        )
        self.insert = f"""
            INSERT INTO {kind.table} (broker_id, first_seen_at, {kind.touched},
                   {", ".join([*kind.columns, *kind.given])})
            SELECT %(broker)s, %(now)s, %(now)s,
                   {", ".join([_listed("s", kind.columns), *kind.given.values()])}
            FROM seen s
            WHERE NOT EXISTS (SELECT FROM {kind.table} t WHERE {mine} AND {same})
            ON CONFLICT DO NOTHING
        """  # noqa: S608
        self.count = f"""
            SELECT count(*), count(*) FILTER (WHERE {unseen})
            FROM {kind.table} t WHERE {mine} {there}
        """  # noqa: S608
        if kind.leaves:
            self.drop = f"UPDATE {kind.table} t SET {kind.leaves} = %(now)s WHERE {mine} {there} AND {unseen}"  # noqa: S608
        else:
            self.drop = f"DELETE FROM {kind.table} t WHERE {mine} AND {unseen}"  # noqa: S608

    def run(self, cursor: CursorWrapper, statement: str) -> int:
        if not statement:
            return 0
        cursor.execute(statement, self.parameters)
        return int(cursor.rowcount)


def _listed(alias: str, names: Iterable[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in names)
