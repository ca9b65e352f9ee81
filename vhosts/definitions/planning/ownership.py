"""Which objects of a broker a folder of definitions owns, claims and deletes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from console.engine.proposal import Source
from console.kinds.common.kind import Ref
from console.kinds.registry import KINDS, vhost_of
from console.models import Broker, ManagedObject
from console.reconcile.dependents import owners_of


@dataclass(frozen=True, kw_only=True)
class Ownership:
    """The folder's part in a plan.

    `vhosts` are the virtual hosts that have a file, `whole_broker` whether the objects of the whole
    broker have one. `prune`: what to delete that isn't in the folder: nothing, what the folder owns,
    or everything in what has a file. `take_over`: also objects that another folder owns.
    """

    source: Source
    vhosts: frozenset[str]
    whole_broker: bool
    own_user: str
    prune: Literal["", "owned", "all"] = ""
    take_over: bool = False
    #: Only this virtual host is planned; None: all.
    vhost: str | None = None
    #: The present owner of each owned object.
    owners: Mapping[Ref, Source] = field(default_factory=dict)

    def owned_by_others(self, refs: Iterable[Ref]) -> dict[Ref, str]:
        """Return, by object, why the folder can't have it."""
        if self.take_over:
            return {}
        return {
            ref: f"It's managed by Git: {owner}. Two folders can't own one object. To move it here, "
            "apply with --take-over."
            for ref in refs
            if (owner := self.owners.get(ref)) is not None and owner.name != self.source.name
        }

    def unclaimed(self, refs: Iterable[Ref]) -> list[Ref]:
        """Return the objects that the folder doesn't own yet."""
        return [
            ref
            for ref in refs
            if (owner := self.owners.get(ref)) is None or owner.name != self.source.name
        ]

    def prunable(
        self, wanted: Collection[Ref], observed: Mapping[Ref, Any]
    ) -> tuple[list[Ref], dict[Ref, list[Ref]]]:
        """Return the objects on the broker to delete because the folder doesn't have them, and, by
        virtual host and user that stays for its sake, what RabbitMQ would delete along with it
        although the folder may not."""
        going = [ref for ref in observed if ref not in wanted and self._goes(ref)]
        doomed, kept = set(going), self._foreign(going, observed)
        return [ref for ref in going if ref not in kept], {
            ref: others for ref, others in kept.items() if ref in doomed
        }

    def _foreign(self, going: list[Ref], observed: Mapping[Ref, Any]) -> dict[Ref, list[Ref]]:
        doomed, kept = set(going), dict[Ref, list[Ref]]()
        for ref in observed:
            if ref in doomed or self._is_brokers(ref):
                continue
            for owner in owners_of(ref):
                if owner in doomed:
                    kept.setdefault(owner, []).append(ref)
        return kept

    def _is_brokers(self, ref: Ref) -> bool:
        """Return whether it is RabbitMQ's own, or the right of the console's login."""
        kind = KINDS[ref.kind]
        return ref.key in kind.brokers_own or kind.user_of(ref.key) == self.own_user

    def _goes(self, ref: Ref) -> bool:
        inside = vhost_of(ref)
        kind = KINDS[ref.kind]
        if self.vhost is not None and inside != self.vhost:
            return False
        if self._is_brokers(ref):
            return False
        if kind.is_container and inside in self.vhosts:
            # Its file says that it exists, even without a row for it.
            return False
        owner = self.owners.get(ref)
        if owner is not None:
            return bool(self.prune) and owner.name == self.source.name
        if self.prune != "all":
            return False
        return self.whole_broker if inside is None else inside in self.vhosts


def owners_on(broker: Broker) -> dict[Ref, Source]:
    """Return the owner of each owned object on the broker. One query."""
    rows = ManagedObject.objects.filter(broker=broker).exclude(source="")
    return {
        Ref(kind, tuple(key)): Source(name, revision)
        for kind, key, name, revision in rows.values_list(
            "kind", "key", "source", "source_revision"
        )
    }
