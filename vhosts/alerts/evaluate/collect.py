"""Judge every rule for a broker.

The result has a row for each subject on which a rule's condition holds, and for each subject with an
open incident of the rule that still has a figure; of small tables, for every subject.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.db.backends.utils import CursorWrapper

from accessctl import globs
from console.background.each_alone import error_text
from vhosts.alerts.evaluate.scan import scan
from vhosts.alerts.evaluate.scope import Active
from vhosts.alerts.types.declare import Figure, Seen, Verdict

log = structlog.get_logger(__name__)

_DETAIL_CHARACTERS = 500


@dataclass
class Result:
    """Which rules were evaluated, and why others weren't: {rule ID: sentence}. `absent_is_clear`
    are evaluated ones whose subjects without a figure are fine."""

    evaluated: list[int] = field(default_factory=list)
    absent_is_clear: list[int] = field(default_factory=list)
    not_evaluated: dict[int, str] = field(default_factory=dict)
    broken: dict[int, str] = field(default_factory=dict)
    #: (rule ID, kind, vhost, name, verdict, value, detail)
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def found(self) -> dict[int, int]:
        """On how many subjects each rule's condition holds, if on any."""
        return dict(Counter(row[0] for row in self.rows if row[4] == Verdict.HELD))

    def note(self, active: Active) -> None:
        """Note that a rule was evaluated."""
        self.evaluated.append(active.rule.pk)
        if active.type is not None and active.type.absent_is_clear:
            self.absent_is_clear.append(active.rule.pk)

    @property
    def blind(self) -> list[int]:
        """Rules that may hold or not: nobody knows."""
        return [*self.not_evaluated, *self.broken]


def collect(
    cursor: CursorWrapper,
    seen: Seen | None,
    rules: Sequence[Active],
    now: datetime,
    *,
    careful: bool = False,
) -> Result:
    """Judge the rules. `seen` None: they are about the console.

    Raises what a rule raises; `careful`: such a rule is noted as broken and costs no other, for a
    savepoint each.
    """
    result = Result()
    scanned: list[Active] = []
    for active in rules:
        with _alone(active, result, careful):
            why = _why_not(active, seen)
            if why:
                result.not_evaluated[active.rule.pk] = why
            elif active.type is not None and active.type.columns is not None:
                scanned.append(active)
            else:
                result.rows += list(_judged(active, seen, now))
                result.note(active)
    if seen is not None:
        _scan(cursor, seen, scanned, result, careful)
    return result


@contextlib.contextmanager
def _alone(active: Active, result: Result, careful: bool) -> Iterator[None]:
    if not careful:
        yield
        return
    try:
        with transaction.atomic():
            yield
    except Exception as error:
        log.exception("alert_rule_failed", rule_id=active.rule.pk, type=active.rule.type)
        result.broken[active.rule.pk] = error_text(error)


def _why_not(active: Active, seen: Seen | None) -> str:
    """Return why a rule can't be evaluated now; "" if it can."""
    if active.type is None:
        return f"This version knows no rules of type {active.rule.type}."
    if seen is None or active.type.needs_no_answer:
        return ""
    if not seen.answers:
        return "The broker can't be seen."
    return active.type.why_not(seen, active.rule)


def _judged(active: Active, seen: Seen | None, now: datetime) -> Iterator[tuple[Any, ...]]:
    rule, kind = active.rule, active.type
    if kind is None:
        return
    figures: Iterable[Figure] = ()
    if kind.of_console is not None:
        figures = kind.of_console(now, rule)
    elif kind.figures is not None and seen is not None:
        figures = kind.figures(seen, rule)
    for one in figures:
        if "vhost_pattern" in kind.uses and not globs.matches(rule.vhost_pattern, one.vhost):
            continue
        if "queue_pattern" in kind.uses and not globs.matches(rule.queue_pattern, one.name):
            continue
        detail = one.detail.replace("\x00", "\ufffd")[:_DETAIL_CHARACTERS]
        verdict = kind.judge(rule, one.value)
        yield rule.pk, one.kind, one.vhost, one.name, verdict, one.value, detail


def _scan(
    cursor: CursorWrapper, seen: Seen, scanned: Sequence[Active], result: Result, careful: bool
) -> None:
    by_table: dict[str, list[Active]] = {}
    for active in scanned:
        if active.type is not None and active.type.columns is not None:
            key = f"{active.rule.pk}" if careful else active.type.columns.table
            by_table.setdefault(key, []).append(active)
    for group in by_table.values():
        with _alone(group[0], result, careful):
            result.rows += scan(cursor, seen, [
                (one.rule, one.type, one.type.columns)
                for one in group
                if one.type is not None and one.type.columns is not None
            ])  # fmt: skip
            for active in group:
                result.note(active)
