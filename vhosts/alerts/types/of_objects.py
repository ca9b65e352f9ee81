"""Types about what the inventory sees: drift, the policies in force, replicas of queues."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db import connection

from console.kinds.common.kind import Ref
from console.kinds.registry import KINDS, phrase
from console.models import ManagedObject, Sync
from vhosts.alerts.tables.choices import SubjectKind
from vhosts.alerts.tables.rules import AlertRule
from vhosts.alerts.types.declare import PATTERNS, Figure, Parameter, RuleType, Seen
from vhosts.alerts.types.of_queues import why_part_unknown


def _drift(seen: Seen, rule: AlertRule) -> Iterator[Figure]:
    rows = ManagedObject.objects.filter(broker=seen.broker, sync=Sync.DRIFTED)
    kinds = DRIFT.parameter(rule, "kinds")
    if kinds:
        rows = rows.filter(kind__in=kinds)
    for kind, key, reason in rows.values_list("kind", "key", "reason"):
        names = dict(zip(KINDS[kind].identity, key, strict=False)) if kind in KINDS else {}
        vhost = str(names.get("vhost", key[0] if kind == "vhost" else ""))
        yield Figure(
            1.0, reason, SubjectKind.OBJECT, vhost=vhost, name=phrase(Ref(kind, tuple(key)))
        )


def _policies(seen: Seen, rule: AlertRule) -> Iterator[Figure]:
    """Compare the policies in force on each queue with the baseline, which follows when a change was
    acknowledged or `accepted_after` has passed."""
    accepted = timedelta(hours=float(POLICIES.parameter(rule, "accepted_after")))
    with connection.cursor() as cursor:
        for statement in (_FORGET, _BEGIN, _SAME_AGAIN, _DIFFERS, _ACCEPT):
            cursor.execute(
                statement,
                {
                    "broker": seen.broker.pk,
                    "now": seen.now,
                    "accepted_before": seen.now - accepted,
                    "rule": rule.pk,
                },
            )
        cursor.execute(_CHANGED, {"broker": seen.broker.pk})
        for vhost, name, was, now in cursor.fetchall():
            yield Figure(1.0, f"Was: {was}. Now: {now}.", SubjectKind.QUEUE, vhost=vhost, name=name)


#: What is in force on each queue: names and definitions, so that an edited policy counts too.
_NOW = """
    SELECT q.id, q.vhost, q.name, q.policy, q.operator_policy,
           md5(jsonb_build_array(q.policy, p.definition, q.operator_policy, o.definition)::text)
               AS digest
    FROM vhosts_queue q
    LEFT JOIN vhosts_policy p
        ON p.broker_id = q.broker_id AND p.vhost = q.vhost AND p.name = q.policy
    LEFT JOIN vhosts_operatorpolicy o
        ON o.broker_id = q.broker_id AND o.vhost = q.vhost AND o.name = q.operator_policy
    WHERE q.broker_id = %(broker)s AND q.gone_at IS NULL AND NOT q.noise
      AND q.inventoried_at IS NOT NULL
"""
_FORGET = """
DELETE FROM vhosts_alertbaseline b
WHERE NOT EXISTS (SELECT FROM vhosts_queue q WHERE q.id = b.queue_id AND q.gone_at IS NULL)
"""
_BEGIN = f"""
INSERT INTO vhosts_alertbaseline (queue_id, digest, policy, operator_policy, at)
SELECT n.id, n.digest, n.policy, n.operator_policy, %(now)s FROM ({_NOW}) n
ON CONFLICT DO NOTHING
"""  # noqa: S608
_SAME_AGAIN = f"""
UPDATE vhosts_alertbaseline b SET differs_since = NULL
FROM ({_NOW}) n
WHERE n.id = b.queue_id AND b.differs_since IS NOT NULL AND n.digest = b.digest
"""  # noqa: S608
_DIFFERS = f"""
UPDATE vhosts_alertbaseline b SET differs_since = %(now)s
FROM ({_NOW}) n
WHERE n.id = b.queue_id AND b.differs_since IS NULL AND n.digest <> b.digest
"""  # noqa: S608
_ACCEPT = f"""
UPDATE vhosts_alertbaseline b SET digest = n.digest, policy = n.policy,
       operator_policy = n.operator_policy, at = %(now)s, differs_since = NULL
FROM ({_NOW}) n
WHERE n.id = b.queue_id AND b.differs_since IS NOT NULL
  AND (b.differs_since <= %(accepted_before)s OR EXISTS (
      SELECT FROM vhosts_alertincident i
      WHERE i.rule_id = %(rule)s AND i.broker_id = %(broker)s AND i.resolved_at IS NULL
        AND i.subject_kind = 'queue' AND i.vhost = n.vhost AND i.name = n.name
        AND 'acknowledged' IN (i.state, i.state_before)))
"""  # noqa: S608
_CHANGED = f"""
SELECT n.vhost, n.name,
       concat_ws(' and ', coalesce(nullif(b.policy, ''), 'no policy'), nullif(b.operator_policy, '')),
       concat_ws(' and ', coalesce(nullif(n.policy, ''), 'no policy'), nullif(n.operator_policy, ''))
           || CASE WHEN (b.policy, b.operator_policy) = (n.policy, n.operator_policy)
              THEN ' with another definition' ELSE '' END
FROM vhosts_alertbaseline b JOIN ({_NOW}) n ON n.id = b.queue_id
WHERE b.differs_since IS NOT NULL
"""  # noqa: S608


def _why_no_policies(seen: Seen, rule: AlertRule) -> str:
    for part in ("queue", "policy", "operator_policy"):
        why = why_part_unknown(seen, part)
        if why:
            return why
    return ""


DRIFT = RuleType(
    key="drift",
    label="Changed outside the console",
    about=SubjectKind.OBJECT,
    measures="Drifted",
    threshold=False,
    uses=frozenset({"vhost_pattern"}),
    parameters=(Parameter("kinds", "Only these kinds (none: all)", []),),
    figures=_drift,
    absent_is_clear=True,
    by_inventory=True,
)
POLICIES = RuleType(
    key="effective_policy",
    label="Policy in force changed",
    about=SubjectKind.QUEUE,
    measures="Changed",
    threshold=False,
    uses=PATTERNS,
    parameters=(Parameter("accepted_after", "Counts as accepted after", 24, "h"),),
    figures=_policies,
    why_not=_why_no_policies,
    absent_is_clear=True,
    by_inventory=True,
)
OF_OBJECTS = (DRIFT, POLICIES)
