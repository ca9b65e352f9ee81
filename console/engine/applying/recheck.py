"""Rights asked once more by what the broker says right before a call.

What was known when a change was accepted may be minutes old: a user may have been given tags, or permissions
elsewhere, since. Where an author's right depends on such facts, accessctl gives a judge; what it is told
here is read from the broker.
"""

from __future__ import annotations

from collections.abc import Sequence

from console.engine.applying.broker_objects import BrokerObjects
from console.engine.ports import JUDGE_OF, Fresh, Judge
from console.kinds.common.kind import Ref
from console.kinds.registry import KINDS
from console.models import Step


def judge_of(batch: Sequence[Step]) -> Judge | None:
    """For a batch of one change and kind."""
    first = batch[0]
    names = [step.target.key[0] for step in batch]
    return JUDGE_OF.ask(first.change.author, first.broker, first.target.kind, names)


def read_fresh(store: BrokerObjects, ref: Ref) -> Fresh:
    """Raises BrokerError where the broker does not tell all of it."""
    spec = store.read(ref.kind, ref.key)
    if spec is None:
        return Fresh(spec)
    return Fresh(spec, KINDS[ref.kind].held_in(ref.key, store.get))
