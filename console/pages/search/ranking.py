"""How well a name matches: the whole name, its start, the start of a word in it, or any part.

`rank` is for names in Python, `Ranked` the same in SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from django.db.models import Case, F, Func, IntegerField, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Collate, Least, Lower

#: What words in names are separated by.
_SEPARATORS = ".-_/: "
_AS_DOTS = str.maketrans(_SEPARATORS, "." * len(_SEPARATORS))


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
    in_words = folded.translate(_AS_DOTS)
    return Rank.WORD if "." + wanted.translate(_AS_DOTS) in in_words else Rank.PART


def ranked(rows: QuerySet[Any], columns: Sequence[str], text: str) -> QuerySet[Any]:
    """Return the rows of which one of the columns contains the text, annotated with `rank` and
    `label`, the first column in lower case."""
    wanted = text.lower()
    matches, ranks = Q(), []
    for at, column in enumerate(columns):
        folded, words = f"folded_{at}", f"words_{at}"
        rows = rows.alias(**{folded: _folded(column, wanted)})
        rows = rows.alias(**{words: _in_words(folded)})
        matches |= Q(**{f"{folded}__contains": wanted})
        ranks.append(
            Case(
                When(**{folded: wanted}, then=Rank.EXACT),
                When(**{f"{folded}__startswith": wanted}, then=Rank.PREFIX),
                When(**{f"{words}__contains": "." + wanted.translate(_AS_DOTS)}, then=Rank.WORD),
                When(**{f"{folded}__contains": wanted}, then=Rank.PART),
                default=len(Rank),
                output_field=IntegerField(),
            )
        )
    best = ranks[0] if len(ranks) == 1 else Least(*ranks)
    return rows.filter(matches).annotate(rank=best, label=F("folded_0"))


def _folded(column: str, wanted: str) -> Lower:
    """Return the column in lower case. Without the language's rules, which only matter beyond
    ASCII, this takes a fifth of the time."""
    return Lower(Collate(F(column), "C") if wanted.isascii() else F(column))


def _in_words(folded: str) -> Func:
    return Func(
        F(folded),
        Value(_SEPARATORS),
        Value("." * len(_SEPARATORS)),
        function="translate",
        output_field=TextField(),
    )
