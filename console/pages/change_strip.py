"""How far one change is, as its page and the strip above other pages say it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min

from accessctl.authorize import AnyUser
from accessctl.visibility.changes import blockers_seen_by
from console.engine.proposals.preview import WaitsFor
from console.models import OPEN_CHANGES, OPEN_STEPS, Change, StepState


@dataclass(frozen=True, slots=True)
class Strip:
    """How far a change is. `waiting`: why it waits, the broker's words or ours; `next_at`: when it is
    tried again. `waits_for`: what an earlier change has to do first."""

    change: Change
    done: int
    total: int
    rejected: int
    open: int
    waiting: str
    next_at: datetime | None
    waits_for: WaitsFor | None

    @property
    def is_open(self) -> bool:
        return self.change.state in OPEN_CHANGES

    @property
    def stopping(self) -> str:
        """What is left to be done after a stop was requested; "" where none was."""
        stopped = self.is_open and self.change.stop_requested_at is not None
        return may_be_there(self.open) if stopped else ""

    @property
    def state(self) -> str:
        return str(self.change.state)

    @property
    def tone(self) -> str:
        return {"done": "ok", "partly": "bad", "rejected": "bad", "stopped": "warn", "waiting": "warn"}.get(self.state, "busy")  # fmt: skip


def strip_of(change: Change, viewer: AnyUser) -> Strip:
    """For templates/console/_change_strip.html."""
    states = counts_of(change)
    waiting, next_at, waits_for = "", None, None
    if change.state in OPEN_CHANGES:
        held = change.steps.filter(state__in=OPEN_STEPS).exclude(error_code="")
        first = held.order_by("next_at").first()
        if first is not None:
            waiting = first.error_detail
            next_at = held.aggregate(at=Min("next_at"))["at"]
        else:
            # The first of each broker: what comes behind them in the change waits for them.
            fronts = (
                change.steps.filter(state__in=OPEN_STEPS)
                .order_by("broker_id", "ordinal")
                .distinct("broker_id")
            )
            waiting_for = blockers_seen_by(viewer, change, list(fronts.select_related("target")))
            waits_for = next((WaitsFor(step) for step in waiting_for.values()), None)
    return Strip(
        change=change,
        done=states.get(StepState.APPLIED, 0),
        total=sum(states.values()),
        rejected=states.get(StepState.REJECTED, 0),
        open=sum(states.get(state, 0) for state in OPEN_STEPS),
        waiting=waiting,
        next_at=next_at,
        waits_for=waits_for,
    )


def counts_of(change: Change) -> dict[str, int]:
    counted = change.steps.order_by().values_list("state").annotate(n=Count("pk"))
    return {str(state): number for state, number in counted}


def may_be_there(unsure: int) -> str:
    """What a stop leaves to be done: `unsure` steps may have been sent. "" where there is none."""
    if not unsure:
        return ""
    one = unsure == 1
    return (
        f"{unsure} {'step' if one else 'steps'} may have been sent to the broker already. "
        f"{'It ends' if one else 'They end'} when the console has read the result back; nothing more "
        "is sent."
    )
