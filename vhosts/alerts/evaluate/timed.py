"""What passes with time alone: snoozes and maintenance windows end, reminders come due."""

from __future__ import annotations

from datetime import datetime

from django.db.backends.utils import CursorWrapper

from console.models import Broker
from vhosts.alerts.evaluate.transitions import RETURNING, WINDOW, event, mine, scope_values

_SNOOZES_END = f"""
WITH moved AS (
    UPDATE vhosts_alertincident i
    SET state = 'firing', state_since = %(now)s, snoozed_until = NULL, notified_at = %(now)s,
        transitions = i.transitions + 1
    WHERE {{mine}} AND i.state = 'snoozed' AND i.snoozed_until <= %(now)s
    {RETURNING}
){event("snooze_ended", muted="i.muted OR i.window_id IS NOT NULL")}"""  # noqa: S608
#: Nothing is known of it now, so nobody is notified until it is.
_SNOOZES_END_UNSEEN = """
UPDATE vhosts_alertincident i SET state_before = 'firing', snoozed_until = NULL
WHERE {mine} AND i.state = 'no_data' AND i.state_before = 'snoozed' AND i.snoozed_until <= %(now)s
"""
_WINDOWS_END = f"""
WITH moved AS (
    UPDATE vhosts_alertincident i
    SET muted = FALSE, notified_at = %(now)s, transitions = i.transitions + 1
    WHERE {{mine}} AND i.muted AND i.state = 'firing' AND {WINDOW} IS NULL
    {RETURNING}
){event("window_ended", muted="FALSE")}"""  # noqa: S608
_REMIND = f"""
WITH moved AS (
    UPDATE vhosts_alertincident i
    SET notified_at = %(now)s, transitions = i.transitions + 1
    FROM vhosts_alertrule r
    WHERE r.id = i.rule_id AND {{mine}} AND i.state = 'firing' AND NOT i.muted
      AND r.reminder_s > 0 AND i.notified_at <= %(now)s - make_interval(secs => r.reminder_s)
      AND {WINDOW} IS NULL
    {RETURNING}
){event("reminded", muted="FALSE")}"""  # noqa: S608


def keep_time(cursor: CursorWrapper, broker: Broker | None, now: datetime) -> None:
    """End what has ended by `now`, and write due reminders. The caller holds the lock of the
    broker's evaluation."""
    values = scope_values(broker, now)
    for statement in (_SNOOZES_END, _SNOOZES_END_UNSEEN, _WINDOWS_END, _REMIND):
        cursor.execute(statement.format(mine=mine(broker)), values)
