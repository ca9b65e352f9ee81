"""Read the objects of many steps from the broker."""

from __future__ import annotations

from collections.abc import Callable

from console.engine.applying.broker_objects import BrokerObjects
from console.engine.applying.outcome import reference
from console.kinds.common.kind import Key, Spec
from console.models import Step
from console.rabbitmq.errors import BrokerError
from console.rabbitmq.management.escapes import at_risk

#: From this many steps on, one listing is cheaper than one read per object.
LISTING_FROM = 16


class Look:
    """The current specs of the objects of steps of one kind, read one by one, or by one listing if
    there are many.

    `specs` is by key; None: the object doesn't exist. It is empty or incomplete if `error` is set.
    `keep` is called before each read.
    """

    def __init__(self, store: BrokerObjects, steps: list[Step], keep: Callable[[], None]) -> None:
        self.specs: dict[Key, Spec | None] = {}
        self.error: BrokerError | None = None
        refs = [reference(step) for step in steps]
        kind = refs[0].kind
        try:
            if len(refs) < LISTING_FROM:
                for ref in refs:
                    keep()
                    self.specs[ref.key] = store.read(kind, ref.key)
            if len(refs) >= LISTING_FROM or self._doubts_absence(steps):
                keep()
                listed = store.read_all(kind)
                self.specs = {ref.key: listed.get(ref.key) for ref in refs}
        except BrokerError as error:
            self.error = error

    def _doubts_absence(self, steps: list[Step]) -> bool:
        """Whether a deletion would count as done because of a 404 on a path that proxies
        rewrite."""
        return any(
            step.target.spec is None and self.specs[key] is None and at_risk(*key)
            for step in steps
            for key in [reference(step).key]
        )
