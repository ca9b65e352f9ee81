"""End the incidents of a rule that is switched off or deleted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection
from django.db.backends.utils import CursorWrapper

from vhosts.alerts.evaluate.transitions import event

#: The same locks as an evaluation's, in one order.
_LOCK = """
SELECT FROM vhosts_alertevaluation e
WHERE EXISTS (SELECT FROM vhosts_alertincident i
    WHERE i.rule_id = ANY(%(rules)s) AND i.resolved_at IS NULL
      AND i.broker_id IS NOT DISTINCT FROM e.broker_id)
ORDER BY e.id FOR UPDATE
"""
_DROP_PENDING = """
DELETE FROM vhosts_alertincident WHERE rule_id = %(rule)s AND state = 'pending'
"""
_RESOLVE = f"""
WITH moved AS (
    UPDATE vhosts_alertincident i
    SET state = 'resolved', state_before = '', state_since = %(now)s, resolved_at = %(now)s,
        resolved_by = 'rule', transitions = i.transitions + 1
    WHERE i.rule_id = %(rule)s AND i.resolved_at IS NULL
    RETURNING i.id, i.transitions, i.value, i.detail, i.muted, NULL::bigint AS window_id
){event("resolved", muted="i.muted")}"""  # noqa: S608


def hold_evaluations(rule_ids: Sequence[int]) -> None:
    """Let no evaluation move the open incidents of the rules until the caller's transaction ends.

    Before a rule is locked: an evaluation holds its lock while it waits for the rule, which the
    incidents that it begins refer to.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, {"rules": list(rule_ids)})


def close_incidents(cursor: CursorWrapper, rule_id: int, now: datetime) -> None:
    """End all open incidents of the rule, within the transaction that holds its evaluations."""
    for statement in (_DROP_PENDING, _RESOLVE):
        cursor.execute(statement, {"rule": rule_id, "now": now})
