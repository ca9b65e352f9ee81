"""What a worker read back of the objects of a change, handed on to those who keep what is seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from django.conf import settings
from django.contrib.auth.models import User
from django.utils.module_loading import import_string

from console.engine.attempt import Outcome, reference
from console.kinds.base import Key, Spec
from console.models import Step
from console.reconcile.diff import Op


@dataclass(frozen=True, slots=True)
class Origin:
    """How a change came to what it read back. `author` None: the account is gone. `before` is what the
    broker had right before, None where it had nothing. `created`: the change itself created the object."""

    author: User | None
    before: Spec | None = field(repr=False)
    created: bool


class Observer(Protocol):
    """`seen` None: it is not there. `origins` has the same keys. Called within the transaction that
    records the outcome."""

    def __call__(
        self,
        broker_id: int,
        kind: str,
        seen: Mapping[Key, Spec | None],
        *,
        now: datetime,
        origins: Mapping[Key, Origin],
    ) -> None: ...


def hand_on(
    broker_id: int, batch: Sequence[Step], results: Mapping[int, Outcome], now: datetime
) -> None:
    """Only what was proven to be as asked: the rest is the next inventory's. All steps of a batch are
    of one kind."""
    proven = {
        reference(step).key: (step, results[step.pk])
        for step in batch
        if results[step.pk].state in ("ok", "unchanged")
    }
    if proven:
        # The mirror stands above the engine, so it is named by a setting, as the authorizer is.
        observer: Observer = import_string(settings.CHANGE_OBSERVER)
        observer(
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
    # An earlier try whose answer was lost: the salted hash that is there is the one that was sent.
    hashed = result.before.get("password_hash")
    return (
        step.op == Op.CREATE
        and step.attempts > 1
        and bool(hashed)
        and hashed == result.seen.get("password_hash")
    )
