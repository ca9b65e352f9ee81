"""Evaluate after a poll or inventory, so that a failure costs neither of them anything."""

from __future__ import annotations

import structlog

from console.background.job_runs import recorded
from vhosts.alerts.evaluate.passes import evaluate
from vhosts.alerts.evaluate.watch import evaluate_console
from vhosts.polling.dispatch import database_now

log = structlog.get_logger(__name__)


def after_poll(broker_id: int) -> None:
    """Evaluate the rules for a broker that was just polled, and those about the console. Raises
    nothing; a failure is recorded as the job's."""
    _alone(broker_id, by_inventory=False)


def after_inventory(broker_id: int) -> None:
    """Like after_poll, for the rules whose figures an inventory stores."""
    _alone(broker_id, by_inventory=True)


def _alone(broker_id: int, *, by_inventory: bool) -> None:
    try:
        _evaluate(broker_id, by_inventory)
    except Exception:
        # The poll or inventory is stored already, and its task must not fail for a rule. `recorded`
        # has noted the failure as the job's, which System, /readyz and Fleet show.
        log.exception("alerts_not_evaluated", broker_id=broker_id)


@recorded("evaluate_alerts")
def _evaluate(broker_id: int, by_inventory: bool) -> None:
    now = database_now()
    evaluate(broker_id, now, by_inventory=by_inventory)
    if not by_inventory:
        evaluate_console(now)
