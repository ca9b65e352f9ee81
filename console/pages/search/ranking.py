"""How well a name matches: the whole name, its start, the start of a word in it, or any part.

`rank` is for names in Python, `rank_sql` the same in SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Collate, Lower

#: What words in names are separated by.
_SEPARATORS = ".-_/: "
_DOTS = "." * len(_SEPARATORS)
_AS_DOTS = str.maketrans(_SEPARATORS, _DOTS)


class Rank(IntEnum):
    EXACT = 0
    PREFIX = 1
    WORD = 2
    PART = 3


def rank(name: str, text: str) -> Rank | None:
    """Return how well the name matches; None if it doesn't. Ignores case."""
    folded, wanted = name.lower(), text.lower()
    if wanted not in folded:
        return None
    if folded == wanted:
        return Rank.EXACT
    if folded.startswith(wanted):
        return Rank.PREFIX
    return Rank.WORD if _as_word(wanted) in folded.translate(_AS_DOTS) else Rank.PART


def matching(rows: QuerySet[Any], columns: Sequence[str], text: str) -> QuerySet[Any]:
    """Return the rows of which one of the columns contains the text, whatever its case, annotated
    with the columns in lower case: `folded_0`, `folded_1` …"""
    wanted = text.lower()
    matches = Q()
    for at, column in enumerate(columns):
        rows = rows.annotate(**{f"folded_{at}": _folded(column, wanted)})
        matches |= Q(**{f"folded_{at}__contains": wanted})
    return rows.filter(matches)


def rank_sql(columns: int, text: str) -> tuple[str, list[str]]:
    """Return the SQL of the best rank among the columns of `matching`, and its parameters."""
    wanted = text.lower()
    found = [
        f"CASE WHEN folded_{at} = %s THEN {Rank.EXACT:d} WHEN starts_with(folded_{at}, %s) THEN {Rank.PREFIX:d} "
        f"WHEN strpos(translate(folded_{at}, '{_SEPARATORS}', '{_DOTS}'), %s) > 0 THEN {Rank.WORD:d} "
        f"WHEN strpos(folded_{at}, %s) > 0 THEN {Rank.PART:d} END"
        for at in range(columns)
    ]
    # LEAST ignores NULL, the rank of a column that doesn't match.
    return f"LEAST({', '.join(found)})", [wanted, wanted, _as_word(wanted), wanted] * columns


def _as_word(wanted: str) -> str:
    return "." + wanted.translate(_AS_DOTS)


def _folded(column: str, wanted: str) -> Lower:
    """Return the column in lower case. Without the language's rules, which only matter beyond
    ASCII, this takes a fifth of the time."""
    return Lower(Collate(F(column), "C") if wanted.isascii() else F(column))
