"""Which right each object of a revert needs: the same as if a person made the inverse by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from accessctl.authorize import AnyUser, require
from accessctl.rights import Permission
from console.errors import NotAllowed
from console.faces.face import FACES, Intent
from console.kinds.common.kind import Ref, Spec
from console.kinds.registry import vhost_of
from console.models import Broker
from console.reconcile.diff import compare
from console.reconcile.disclose import reaches_elsewhere


@dataclass(frozen=True, slots=True)
class Judge:
    """Checks rights for one person; each right in a place is looked up once."""

    user: AnyUser
    _granted: set[tuple[Permission, int, str | None]] = field(default_factory=set)

    def right_for(
        self, broker: Broker, ref: Ref, before: Spec | None, after: Spec | None
    ) -> Permission:
        """Return the right that is checked again before the step is applied. Raises NotAllowed."""
        needed = _needed(ref, before, after)
        face = FACES.get(ref.kind)
        for right in needed:
            why = None if face is None else face.why_not(self.user, right, broker, ref.key)
            if why is None:
                self._require(right, broker, vhost_of(ref))
            elif why:
                raise NotAllowed(why, {"permission": str(right)})
        return needed[0]

    def _require(self, right: Permission, broker: Broker, vhost: str | None) -> None:
        place = (right, broker.pk, vhost)
        if place not in self._granted:
            require(self.user, right, broker, vhost)
            self._granted.add(place)


def _needed(ref: Ref, before: Spec | None, after: Spec | None) -> Sequence[Permission]:
    if reaches_elsewhere(ref, after) or reaches_elsewhere(ref, before):
        return [Permission.BROKERS_EDIT]
    if ref.kind in FACES:
        difference = compare(ref, after, before)
        changed = {*(change.name for change in difference.fields), *difference.untold}
        intent = Intent(before=before, after=after, changed=changed)
        return [Permission(right) for right in FACES[ref.kind].rights_for(intent)]
    return [Permission.BROKERS_EDIT if vhost_of(ref) is None else Permission.PARAMETERS_EDIT]
