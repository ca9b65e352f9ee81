"""Desired and observed state of an object side by side, as the base of the next desired object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from console.errors import AlreadyThere, NotThere
from console.kinds.common.kind import Key, Ref, Spec
from console.kinds.registry import KINDS, phrase
from console.models import Broker, ManagedObject, Sync
from console.reconcile.disclose import beside_secrets


@dataclass(frozen=True, slots=True)
class CurrentState:
    """`managed` None: the object is unmanaged. `observed` None: it wasn't seen on the broker."""

    ref: Ref
    managed: ManagedObject | None
    observed: Spec | None

    @property
    def generation(self) -> int:
        """How often a desired state was requested here; 0: never."""
        return self.managed.generation if self.managed else 0

    @property
    def deletion_open(self) -> bool:
        return (
            self.managed is not None
            and self.managed.spec is None
            and self.managed.verified_generation != self.managed.generation
            and self.managed.sync not in (Sync.REJECTED, Sync.NEEDS_CONFIRMATION)
        )

    @property
    def wanted(self) -> Spec | None:
        """What the object should be according to what is known: the desired state, else the
        observed state. None: it should not exist. A tombstone or a rejected change says nothing
        about the broker, so the observed state counts then.
        """
        if self.managed is not None and self.managed.spec is not None:
            return self.managed.spec if self.managed.sync != Sync.REJECTED else self.observed
        return None if self.deletion_open else self.observed

    def must_be_new(self, broker: Broker) -> None:
        """Raises AlreadyThere if the object exists or was already requested."""
        if self.wanted is not None and (self.observed is not None or self.managed is not None):
            where = "already exists on" if self.observed is not None else "was already requested on"
            raise AlreadyThere(
                f"{_called(self.ref)} {where} {broker.name}. Edit it instead.",
                {"managed": self.managed is not None},
            )

    def changed(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return the whole spec with `fields` applied to `wanted`. Raises NotThere."""
        if self.wanted is None:
            reason = "is being deleted" if self.deletion_open else "doesn't exist"
            raise NotThere(f"{_called(self.ref)} {reason}, so it can't be changed.")
        kind = KINDS[self.ref.kind]
        kept = {f.name for f in kind.fields} - set(beside_secrets(kind.name))
        return {**{name: value for name, value in self.wanted.items() if name in kept}, **fields}

    def must_be_there(self) -> None:
        """Raises NotThere if there is nothing to delete, or the deletion was already requested."""
        if self.deletion_open:
            raise NotThere(f"{_called(self.ref)} is already being deleted.")
        if self.observed is None and (self.managed is None or self.managed.spec is None):
            raise NotThere(f"{_called(self.ref)} doesn't exist.")


def current_states(
    broker: Broker, kind: str, keys: Iterable[Key], seen: Mapping[Key, Spec]
) -> dict[Key, CurrentState]:
    """Return the current state of each key, in one query. `seen` holds their observed specs."""
    wanted = list(dict.fromkeys(keys))
    rows = ManagedObject.objects.with_keys(wanted).filter(broker=broker, kind=kind)
    managed = {tuple(row.key): row for row in rows}
    return {key: CurrentState(Ref(kind, key), managed.get(key), seen.get(key)) for key in wanted}


def _called(ref: Ref) -> str:
    return f"The {phrase(ref)}"
