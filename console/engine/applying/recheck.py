"""Check rights again right before a call, with what the broker reports then.

What was known when a change was accepted may be minutes old: since then a user may have got tags,
or permissions elsewhere. If an author's right depends on such facts, accessctl provides a judge;
the facts it judges by are read here from the broker.
"""

from __future__ import annotations

from collections.abc import Sequence

from console.engine.applying.broker_objects import BrokerObjects
from console.engine.ports import JUDGE_OF, Fresh, Judge
from console.kinds.common.kind import Ref
from console.kinds.registry import KINDS
from console.models import Step


def judge_of(batch: Sequence[Step]) -> Judge | None:
    """Return the judge for a batch of one change and kind; None if none is needed."""
    first = batch[0]
    names = [step.target.key[0] for step in batch]
    return JUDGE_OF.ask(first.change.author, first.broker, first.target.kind, names)


def read_fresh(store: BrokerObjects, ref: Ref) -> Fresh:
    """Read the object and, for a user, its virtual hosts. Raises BrokerError if any of it can't be
    read."""
    spec = store.read(ref.kind, ref.key)
    if spec is None:
        return Fresh(spec)
    return Fresh(spec, KINDS[ref.kind].held_in(ref.key, store.get))
