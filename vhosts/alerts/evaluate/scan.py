"""Judge all rules about the rows of one table in one pass over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.backends.utils import CursorWrapper

from accessctl import globs
from vhosts.alerts.evaluate.scope import like
from vhosts.alerts.tables.choices import MessageType
from vhosts.alerts.tables.rules import AlertRule
from vhosts.alerts.types.declare import QUEUES, Columns, RuleType, Seen

#: The column of a row `h` of a rollup that has the average of a message type.
AVERAGES = {
    MessageType.READY: "h.ready_avg",
    MessageType.UNACKED: "h.unacked_avg",
    MessageType.TOTAL: "(h.ready_avg + h.unacked_avg)",
}


def scan(
    cursor: CursorWrapper,
    seen: Seen,
    rules: Sequence[tuple[AlertRule, RuleType, Columns]],
) -> list[tuple[Any, ...]]:
    """Return what is found for rules of one table, as rows of vhosts.alerts.evaluate.collect.Result.

    Most rows match no rule, so they are passed over by one condition; only the others, and those
    with an open incident, are judged rule by rule.
    """
    table = rules[0][2].table
    values: dict[str, Any] = {
        "broker": seen.broker.pk,
        "now": seen.now,
        "kind": rules[0][2].subject,
    }
    judged, held = [], []
    for rule, kind, columns in rules:
        one = _expressions(rule, kind, columns, values)
        judged.append(
            f"(%(id{rule.pk})s::bigint, {one['scope']}, {one['unknown']}, {one['held']},"
            f" {one['loose']}, {one['value']}, {one['detail']})"
        )
        held.append(f"({one['scope']} AND {one['maybe']})")
    alive = "q.gone_at IS NULL AND NOT q.noise" if table == QUEUES else "TRUE"
    cursor.execute(
        f"""
        SELECT r.rule_id, %(kind)s, q.vhost, q.name,
               CASE WHEN r.unknown THEN 'unknown' WHEN r.held THEN 'held'
                    WHEN r.loose THEN 'loose' ELSE 'clear' END,
               CASE WHEN NOT r.unknown THEN r.value END, coalesce(r.detail, '')
        FROM {table} q
        LEFT JOIN (
            SELECT DISTINCT vhost, name FROM vhosts_alertincident
            WHERE broker_id = %(broker)s AND resolved_at IS NULL AND subject_kind = %(kind)s
        ) o ON o.vhost = q.vhost AND o.name = q.name
        CROSS JOIN LATERAL (VALUES {", ".join(judged)})
            AS r (rule_id, scope, unknown, held, loose, value, detail)
        WHERE q.broker_id = %(broker)s AND {alive}
          AND (o.vhost IS NOT NULL OR {" OR ".join(held)})
          AND r.scope AND (o.vhost IS NOT NULL OR (r.held AND NOT r.unknown))
        """,  # noqa: S608 – expressions of types, which are code; values are parameters
        values,
    )
    return list(cursor.fetchall())


def _expressions(
    rule: AlertRule, kind: RuleType, columns: Columns, values: dict[str, Any]
) -> dict[str, str]:
    """Return the SQL of a rule's scope, unknown, maybe, held, loose, value and detail. Adds its values,
    under names of its own, to `values`."""
    number = rule.pk
    limit, clear = (int(one) if one == int(one) else one for one in kind.limits(rule))
    own = {"id": number, "limit": limit, "clear": clear}
    own |= {name: kind.parameter(rule, name) for name in columns.arguments}
    values |= {f"{name}{number}": value for name, value in own.items()}

    average = AVERAGES[MessageType(rule.message_type)]

    def sql(text: str) -> str:
        text = text.replace("{messages}", rule.message_type).replace("{average}", average)
        for name in columns.arguments:
            text = text.replace(f"%({name})s", f"%({name}{number})s")
        return text

    value = f"({sql(columns.value)})::double precision"
    beyond = "<" if kind.below else ">"
    scope = []
    for column, pattern in (("vhost", rule.vhost_pattern), ("name", rule.queue_pattern)):
        if not globs.is_everything(pattern):
            values[f"{column}{number}"] = like(pattern)
            scope.append(f"q.{column} LIKE %({column}{number})s")
    only = f"coalesce({sql(columns.only)}, FALSE)"
    # The same as `held`, but NULL where it is false, and quicker: it is evaluated for every row.
    maybe = sql(columns.only)
    if kind.threshold:
        maybe = f"({maybe}) AND {sql(columns.value)} {beyond} %(limit{number})s"

    def holds(name: str) -> str:
        if not kind.threshold:
            return only
        return f"({only} AND coalesce({value} {beyond} %({name}{number})s, FALSE))"

    return {
        "scope": " AND ".join(scope) or "TRUE",
        "unknown": f"coalesce(({sql(columns.unknown)}), FALSE)",
        "maybe": maybe,
        "held": holds("limit"),
        "loose": holds("clear"),
        "value": value,
        "detail": sql(columns.detail),
    }
