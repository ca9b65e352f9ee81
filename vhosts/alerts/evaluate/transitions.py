"""Move the incidents of one broker from state to state, by what was found, in `alert_found`.

Each statement changes incidents and writes their events at once. The caller holds the lock of the
broker's evaluation, in one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.backends.utils import CursorWrapper

from console.models import Broker
from vhosts.alerts.evaluate.collect import Result
from vhosts.alerts.evaluate.scope import owners_of, patterns, windows_of
from vhosts.polling.copying import temporary_table

_FOUND = {
    "rule_id": "bigint",
    "kind": "text",
    "vhost": "text",
    "name": "text",
    "verdict": "text",
    "value": "double precision",
    "detail": "text",
}

#: Patterns only restrict subjects that have such a name.
_COVERS = """(p.vhost = '%%' OR (i.vhost <> '' AND i.vhost LIKE p.vhost))
    AND (p.name = '%%' OR (i.subject_kind IN ('queue', 'exchange', 'object') AND i.name LIKE p.name))
"""
_FIRST = f"""(SELECT p.id
    FROM unnest(%({{0}}_ids)s::bigint[], %({{0}}_vhosts)s::text[], %({{0}}_names)s::text[])
        WITH ORDINALITY AS p (id, vhost, name, number)
    WHERE {_COVERS} ORDER BY p.number LIMIT 1)"""  # noqa: S608
WINDOW, _OWNER = _FIRST.format("window"), _FIRST.format("owner")
_MATCHES = """f.rule_id = i.rule_id AND f.kind = i.subject_kind AND f.vhost = i.vhost
    AND f.name = i.name"""


def event(kind: str, *, muted: str) -> str:
    """Return the statement's end, which writes an event for each row of `moved`."""
    return f"""
    INSERT INTO vhosts_alertevent (incident_id, number, kind, at, value, text, by, muted, window_id)
    SELECT i.id, i.transitions, '{kind}', %(now)s, i.value, i.detail, '', {muted}, i.window_id
    FROM moved i ORDER BY i.id
    """  # noqa: S608


RETURNING = f"RETURNING i.id, i.transitions, i.value, i.detail, i.muted, {WINDOW} AS window_id"

_BEGIN = f"""
INSERT INTO vhosts_alertincident (rule_id, rule_name, severity, broker_id, subject_kind, vhost, name,
    state, state_before, state_since, value, threshold, detail, since, resolved_by,
    last_evaluated_at, acknowledged_by, note, muted, transitions)
SELECT r.id, r.name, r.severity, %(broker)s::bigint, f.kind, f.vhost, f.name, 'pending', '',
    %(now)s, f.value, r.threshold, f.detail, %(now)s, '', %(now)s, '', '', FALSE, 0
FROM alert_found f JOIN vhosts_alertrule r ON r.id = f.rule_id
WHERE f.verdict = 'held'
  AND NOT EXISTS (SELECT FROM vhosts_alertincident i WHERE {{mine}} AND {_MATCHES})
ON CONFLICT DO NOTHING
"""  # noqa: S608
_FOLLOW = f"""
UPDATE vhosts_alertincident i
SET value = f.value, detail = f.detail, threshold = r.threshold, severity = r.severity,
    rule_name = r.name, clear_since = NULL, last_evaluated_at = %(now)s
FROM alert_found f JOIN vhosts_alertrule r ON r.id = f.rule_id
WHERE {{mine}} AND {_MATCHES} AND f.verdict IN ('held', 'loose')
  AND (i.value, i.detail, i.threshold, i.severity, i.rule_name, i.clear_since)
      IS DISTINCT FROM (f.value, f.detail, r.threshold, r.severity, r.name, NULL::timestamptz)
"""  # noqa: S608
#: A condition must hold without interruption, and be seen to, before it fires.
_DROP_PENDING = f"""
DELETE FROM vhosts_alertincident i
WHERE {{mine}} AND i.state = 'pending'
  AND (i.rule_id IS NULL OR i.rule_id = ANY(%(judged)s) OR NOT i.rule_id = ANY(%(active)s))
  AND NOT EXISTS (SELECT FROM alert_found f WHERE {_MATCHES} AND f.verdict = 'held')
"""  # noqa: S608
_FIRE = f"""
WITH moved AS (
    UPDATE vhosts_alertincident i
    SET state = 'firing', state_since = %(now)s, fired_at = %(now)s, notified_at = %(now)s,
        transitions = i.transitions + 1, muted = {WINDOW} IS NOT NULL, owner_id = {_OWNER}
    FROM vhosts_alertrule r
    WHERE r.id = i.rule_id AND {{mine}} AND i.state = 'pending' AND i.rule_id = ANY(%(evaluated)s)
      AND i.since <= %(now)s - make_interval(secs => r.for_s)
    {RETURNING}
){event("fired", muted="i.muted")}"""  # noqa: S608
_JUDGED = f"""
    SELECT i.id, r.keep_s, coalesce(f.verdict,
        CASE WHEN i.rule_id = ANY(%(absent_is_clear)s) THEN 'clear' ELSE 'gone' END) AS verdict
    FROM vhosts_alertincident i JOIN vhosts_alertrule r ON r.id = i.rule_id
    LEFT JOIN alert_found f ON {_MATCHES}
    WHERE {{mine}} AND i.state <> 'pending' AND i.rule_id = ANY(%(evaluated)s)
"""  # noqa: S608
_BACK = f"""
WITH judged AS ({_JUDGED}), moved AS (
    UPDATE vhosts_alertincident i
    SET state = i.state_before, state_before = '', state_since = %(now)s,
        transitions = i.transitions + 1
    FROM judged j
    WHERE j.id = i.id AND i.state = 'no_data' AND j.verdict IN ('held', 'loose')
    {RETURNING}
){event("data_back", muted="i.muted OR i.window_id IS NOT NULL")}"""  # noqa: S608
_CLEARING = f"""
WITH judged AS ({_JUDGED})
UPDATE vhosts_alertincident i SET clear_since = %(now)s
FROM judged j
WHERE j.id = i.id AND j.verdict = 'clear' AND j.keep_s > 0 AND i.clear_since IS NULL
"""  # noqa: S608
#: Whoever was notified that it fires is notified that it ended, also in a maintenance window.
_RESOLVE = f"""
WITH judged AS ({_JUDGED}), moved AS (
    UPDATE vhosts_alertincident i
    SET state = 'resolved', state_before = '', state_since = %(now)s, resolved_at = %(now)s,
        resolved_by = CASE WHEN j.verdict = 'gone' THEN 'gone' ELSE 'cleared' END,
        transitions = i.transitions + 1
    FROM judged j
    WHERE j.id = i.id AND (j.verdict = 'gone' OR (j.verdict = 'clear' AND
        (j.keep_s = 0 OR i.clear_since <= %(now)s - make_interval(secs => j.keep_s))))
    {RETURNING}
){event("resolved", muted="i.muted")}"""  # noqa: S608
_RESOLVE_UNRULED = f"""
WITH moved AS (
    UPDATE vhosts_alertincident i
    SET state = 'resolved', state_before = '', state_since = %(now)s, resolved_at = %(now)s,
        resolved_by = 'rule', transitions = i.transitions + 1
    WHERE {{mine}} AND i.state <> 'pending'
      AND (i.rule_id IS NULL OR NOT i.rule_id = ANY(%(active)s))
    {RETURNING}
){event("resolved", muted="i.muted")}"""  # noqa: S608
_LOSE = f"""
WITH moved AS (
    UPDATE vhosts_alertincident i
    SET state = 'no_data', state_before = i.state, state_since = %(now)s, clear_since = NULL,
        transitions = i.transitions + 1
    WHERE {{mine}} AND i.state NOT IN ('pending', 'no_data') AND (
        i.rule_id = ANY(%(blind)s) OR (i.rule_id = ANY(%(evaluated)s) AND EXISTS (
            SELECT FROM alert_found f WHERE {_MATCHES} AND f.verdict = 'unknown')))
    {RETURNING}
){event("no_data", muted="i.muted OR i.window_id IS NOT NULL")}"""  # noqa: S608

_ALL = (
    _BEGIN, _FOLLOW, _DROP_PENDING, _RESOLVE_UNRULED, _FIRE, _BACK, _CLEARING, _RESOLVE, _LOSE,
)  # fmt: skip


#: Whether any of them wrote an event.
_NOTIFIES = """
SELECT EXISTS (SELECT FROM vhosts_alertevent WHERE handled_at IS NULL AND at = %(now)s)
"""


def mine(broker: Broker | None) -> str:
    """Return the condition on open incidents `i` of the broker, or of the console."""
    which = "i.broker_id IS NULL" if broker is None else "i.broker_id = %(broker)s"
    return f"{which} AND i.resolved_at IS NULL"


def move(
    cursor: CursorWrapper,
    broker: Broker | None,
    result: Result,
    now: datetime,
    *,
    active: Sequence[int],
) -> bool:
    """Move every incident that must move. Return whether an event was written. `active`: the enabled
    rules that cover the broker, also those that weren't evaluated now."""
    values = {
        **scope_values(broker, now),
        "evaluated": result.evaluated,
        "absent_is_clear": result.absent_is_clear,
        "blind": result.blind,
        "judged": [*result.evaluated, *result.blind],
        "active": list(active),
    }
    # In one round trip: each costs more than what most of the statements do.
    statements = ";".join(statement.format(mine=mine(broker)) for statement in (*_ALL, _NOTIFIES))
    with temporary_table(cursor, "alert_found", _FOUND, result.rows):
        cursor.execute(statements, values)
        return bool(cursor.fetchone()[0])


def scope_values(broker: Broker | None, now: datetime) -> dict[str, Any]:
    """Return the parameters of statements that use _WINDOW and _OWNER. Three queries at most."""
    windows, owners = patterns(windows_of(broker, now)), patterns(owners_of(broker))
    return {
        "broker": broker.pk if broker else None,
        "now": now,
        **{f"window_{name}": value for name, value in windows.items()},
        **{f"owner_{name}": value for name, value in owners.items()},
    }
