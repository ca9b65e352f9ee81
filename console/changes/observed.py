"""What a worker read back of the objects of a change, handed on to those who keep what is seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from console.changes.attempt import Outcome, reference
from console.models import Step
from console.reconcile.kinds import Key, Spec


class Observer(Protocol):
    """`seen` None: it is not there. Called within the transaction that records the outcome."""

    def __call__(
        self, broker_id: int, kind: str, seen: Mapping[Key, Spec | None], *, now: datetime
    ) -> None: ...


def hand_on(
    broker_id: int, batch: Sequence[Step], results: Mapping[int, Outcome], now: datetime
) -> None:
    """Only what was proven to be as asked: the rest is the next inventory's. All steps of a batch are
    of one kind."""
    seen = {
        reference(step).key: results[step.pk].seen
        for step in batch
        if results[step.pk].state in ("ok", "unchanged")
    }
    if seen:
        # The mirror stands above the engine, so it is named by a setting, as the authorizer is.
        observer: Observer = import_string(settings.CHANGE_OBSERVER)
        observer(broker_id, batch[0].target.kind, seen, now=now)
