"""Pass on what a worker read back, to the code that stores the observed state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from console.engine.applying.outcome import Outcome, reference
from console.engine.ports import OBSERVE, Origin
from console.kinds.common.kind import Op
from console.models import Step


def hand_on(
    broker_id: int, batch: Sequence[Step], results: Mapping[int, Outcome], now: datetime
) -> None:
    """Pass on only objects that were proven to be as desired; the next inventory reads the others.
    All steps of a batch are of one kind."""
    proven = {
        reference(step).key: (step, results[step.pk])
        for step in batch
        if results[step.pk].state in ("ok", "unchanged")
    }
    if proven:
        OBSERVE.ask(
            broker_id,
            batch[0].target.kind,
            {key: result.seen for key, (_, result) in proven.items()},
            now=now,
            origins={
                key: Origin(step.change.author, result.before, _created(step, result))
                for key, (step, result) in proven.items()
            },
        )


def _created(step: Step, result: Outcome) -> bool:
    if result.seen is None:
        return False
    if result.before is None:
        return result.state == "ok"
    # An earlier attempt whose answer was lost: the salted hash on the broker is the one that was
    # sent.
    hashed = result.before.get("password_hash")
    return (
        step.op == Op.CREATE
        and step.sent_before
        and bool(hashed)
        and hashed == result.seen.get("password_hash")
    )
