"""The last changes of one object, for its page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from console.faces.ports import STEPS_SEEN_BY
from console.kinds.common.kind import Key
from console.models import OPEN_CHANGES, Broker, Step, StepState

#: How many are shown.
SHOWN = 5


@dataclass(frozen=True, slots=True)
class LastChange:
    """A step about the object, with its change loaded."""

    step: Step

    @property
    def revertible(self) -> bool:
        """Whether its change has ended and gave the object another desired state."""
        ended = self.step.change.state not in OPEN_CHANGES
        return ended and self.step.state == StepState.APPLIED and not self.step.is_act


def last_changes(user: Any, broker: Broker, kind: str, key: Key) -> list[LastChange]:
    """Return the newest changes of the object that the person may see. One query."""
    steps = Step.objects.filter(
        STEPS_SEEN_BY.ask(user), target__broker=broker, target__kind=kind, target__key=list(key)
    )
    newest = steps.select_related("change").order_by("-change__created_at", "-pk")
    return [LastChange(step) for step in newest[:SHOWN]]
