"""Whether a broker still is as it was asked to be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from console.kinds.common.kind import Op, Ref, Spec
from console.reconcile.diff import Difference, compare


class DriftState(StrEnum):
    IN_SYNC = "in_sync"
    #: There, but different.
    DRIFTED = "drifted"
    #: Asked for, and not there.
    MISSING = "missing"
    #: Deleted here, and there again.
    RETURNED = "returned"
    #: Seen, and never asked for here: shown, never touched.
    UNMANAGED = "unmanaged"


@dataclass(frozen=True, slots=True)
class Drift:
    ref: Ref
    state: DriftState
    difference: Difference | None = None


def find_drift(
    managed: Mapping[Ref, Spec | None], observed: Mapping[Ref, Spec], *, complete: bool
) -> Iterator[Drift]:
    """One verdict for every object that is managed or seen. `complete` says that the observation left
    nothing out; without it nothing is called missing."""
    for ref, spec in managed.items():
        difference = compare(ref, spec, observed.get(ref))
        if difference.op is Op.UNCHANGED:
            yield Drift(ref, DriftState.IN_SYNC, difference)
        elif difference.op is Op.CREATE:
            if complete:
                yield Drift(ref, DriftState.MISSING, difference)
        elif difference.op is Op.DELETE:
            yield Drift(ref, DriftState.RETURNED, difference)
        else:
            yield Drift(ref, DriftState.DRIFTED, difference)
    for ref in observed:
        if ref not in managed:
            yield Drift(ref, DriftState.UNMANAGED)
