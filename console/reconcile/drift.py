"""Compare the desired state of managed objects with the observed state of a broker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from console.kinds.common.kind import Op, Ref, Spec
from console.reconcile.diff import Difference, compare


class DriftState(StrEnum):
    IN_SYNC = "in_sync"
    #: Exists, but differs.
    DRIFTED = "drifted"
    #: Desired, but doesn't exist.
    MISSING = "missing"
    #: Deleted here, but exists again.
    RETURNED = "returned"
    #: Observed, but never requested here: shown, never changed.
    UNMANAGED = "unmanaged"


@dataclass(frozen=True, slots=True)
class Drift:
    ref: Ref
    state: DriftState
    difference: Difference | None = None


def find_drift(
    managed: Mapping[Ref, Spec | None], observed: Mapping[Ref, Spec], *, complete: bool
) -> Iterator[Drift]:
    """Yield one verdict for every object that is managed or observed. `complete`: the observation
    left nothing out; otherwise nothing is reported as missing."""
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
