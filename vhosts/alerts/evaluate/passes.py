"""Evaluate all rules for one broker, in one short transaction of its own.

It runs after each poll and inventory, on what they stored; no broker is called. The lock of the
broker's AlertEvaluation lets one evaluation run at a time, and a repeated one changes nothing, so
two workers and two beats do no harm. Dying in between leaves nothing half done.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Func, TextField, Value

from console.models import Broker, BrokerStatus
from vhosts.alerts.evaluate.collect import Result, collect
from vhosts.alerts.evaluate.scope import Active, rules_of
from vhosts.alerts.evaluate.timed import keep_time
from vhosts.alerts.evaluate.transitions import mine, move
from vhosts.alerts.tables.rules import AlertEvaluation, AlertRule
from vhosts.alerts.types.declare import Seen

log = structlog.get_logger(__name__)

#: If the last evaluation is later than this, the clock was set back, so it counts as old.
_CLOCK_SET_BACK = timedelta(minutes=5)


def evaluate(broker_id: int | None, now: datetime, *, by_inventory: bool = False) -> bool:
    """Evaluate the rules for a broker; None: for the console. Return False, with nothing changed,
    if a later evaluation has run or the broker was removed.

    `by_inventory`: only the rules whose figures an inventory just stored; else the others. A rule
    that fails is noted as broken, and the rest is evaluated again without it.
    """
    try:
        return _evaluate(broker_id, now, by_inventory, careful=False)
    except Exception:
        # One rule with a bug, or a value that its SQL doesn't expect, must not keep the others from
        # being evaluated: again, each rule in a savepoint, which names the broken one.
        log.info("alerts_evaluated_again", broker_id=broker_id, exc_info=True)
    return _evaluate(broker_id, now, by_inventory, careful=True)


def pass_time(broker_id: int | None, now: datetime) -> None:
    """Write what is due by time alone: reminders, ended snoozes and maintenance windows."""
    with transaction.atomic(), connection.cursor() as cursor:
        if _locked(cursor, broker_id) is None:
            return
        broker = Broker.objects.filter(pk=broker_id).first() if broker_id is not None else None
        if broker is not None or broker_id is None:
            keep_time(cursor, broker, now)


def _evaluate(broker_id: int | None, now: datetime, by_inventory: bool, *, careful: bool) -> bool:
    began = time.monotonic()
    with transaction.atomic(), connection.cursor() as cursor:
        evaluation = _locked(cursor, broker_id)
        if evaluation is None:
            return False
        last = evaluation.evaluated_at
        if last is not None and not by_inventory and now <= last < now + _CLOCK_SET_BACK:
            return False
        seen = None
        if broker_id is not None:
            status = BrokerStatus.objects.select_related("broker").filter(pk=broker_id).first()
            if status is None:
                return False
            seen = Seen(status.broker, status, now)
        broker = seen.broker if seen else None
        # A disabled broker isn't polled, so no rule covers it.
        active = rules_of(broker) if broker is None or broker.enabled else []
        due = [one for one in active if _is_due(one, seen, by_inventory)]
        result = collect(cursor, seen, due, now, careful=careful)
        changed = False
        if result.found or _any_open(cursor, broker):
            changed = move(cursor, broker, result, now, active=[one.rule.pk for one in active])
        if changed:
            # Notifications may be sent from now on, so a crash of Postgres must not take it back.
            cursor.execute("SELECT set_config('synchronous_commit', 'on', true)")
        _note(evaluation, active, due, result, now, by_inventory, began)
    return True


def _locked(cursor: CursorWrapper, broker_id: int | None) -> AlertEvaluation | None:
    """Lock and return the evaluation of a broker or the console; None if the broker is gone."""
    # No wait for the disk, unless something changes.
    quick = Func(
        Value("synchronous_commit"),
        Value("off"),
        Value(True),
        function="set_config",
        output_field=TextField(),
    )
    rows = AlertEvaluation.objects.select_for_update(of=("self",)).annotate(quick=quick)
    found = rows.filter(broker=broker_id).first()
    if found is None:
        cursor.execute(
            "INSERT INTO vhosts_alertevaluation (broker_id, not_evaluated, broken, found)"
            " SELECT %(broker)s, '{}', '{}', '{}' WHERE %(broker)s IS NULL"
            " OR EXISTS (SELECT FROM console_broker WHERE id = %(broker)s FOR KEY SHARE)"
            " ON CONFLICT DO NOTHING".replace("%(broker)s", "%(broker)s::bigint"),
            {"broker": broker_id},
        )
        found = rows.filter(broker=broker_id).first()
    return found


def _is_due(active: Active, seen: Seen | None, by_inventory: bool) -> bool:
    if active.type is None or seen is None:
        return True
    # If the broker can't be seen, no inventory will say so.
    return active.type.by_inventory == by_inventory or not seen.answers


def _any_open(cursor: CursorWrapper, broker: Broker | None) -> bool:
    cursor.execute(
        f"SELECT EXISTS (SELECT FROM vhosts_alertincident i WHERE {mine(broker)})",  # noqa: S608
        {"broker": broker.pk if broker else None},
    )
    return bool(cursor.fetchone()[0])


def _note(
    evaluation: AlertEvaluation,
    active: list[Active],
    due: list[Active],
    result: Result,
    now: datetime,
    by_inventory: bool,
    began: float,
) -> None:
    """Store how the evaluation went; what it says of rules that weren't due stays."""
    kept = {str(one.rule.pk) for one in active} - {str(one.rule.pk) for one in due}
    for name, new in (
        ("not_evaluated", result.not_evaluated),
        ("broken", result.broken),
        ("found", result.found),
    ):
        old = getattr(evaluation, name)
        both = {key: value for key, value in old.items() if key in kept}
        setattr(evaluation, name, {**both, **{str(key): value for key, value in new.items()}})
    evaluation.took_ms = round(1000 * (time.monotonic() - began))
    if not by_inventory:
        evaluation.evaluated_at = now
    evaluation.save()
    _note_broken(due, result, now)


def _note_broken(due: list[Active], result: Result, now: datetime) -> None:
    for pk, why in result.broken.items():
        AlertRule.objects.filter(pk=pk).update(broken_at=now, broken_text=why)
    mended = [
        one.rule.pk
        for one in due
        if one.rule.broken_at is not None and one.rule.pk not in result.broken
    ]
    for pk in mended:
        if not AlertEvaluation.objects.filter(broken__has_key=str(pk)).exists():
            AlertRule.objects.filter(pk=pk).update(broken_at=None, broken_text="")
