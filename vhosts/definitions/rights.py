"""Which rights each object of an import requires.

The console has a powerful account on the broker. So only these rules keep a person who administers
some virtual hosts within them. They never import what belongs to the whole broker, nor what limits
or reaches beyond a virtual host (operator policies, shovels, federation upstreams).
"""

from __future__ import annotations

from collections.abc import Sequence

from accessctl.authorize import AnyUser, may
from accessctl.rights import Permission
from console.faces.face import FACES, Intent
from console.kinds.common.kind import Ref, Spec
from console.kinds.registry import vhost_of
from console.models import Broker
from console.reconcile.diff import Difference
from console.reconcile.disclose import reaches_elsewhere

_WHOLE_BROKER = (
    "It belongs to the whole broker, and you only have rights on some of its virtual hosts."
)


def why_not_import(user: AnyUser, broker: Broker, ref: Ref, spec: Spec | None) -> str:
    """Return why the object may not even be compared; "" if it may. Call it before the comparison,
    whose result would reveal what is in other people's virtual hosts."""
    vhost = vhost_of(ref)
    face = FACES.get(ref.kind)
    bounds = face is not None and face.rights.edit == Permission.BROKERS_EDIT
    if bounds or reaches_elsewhere(ref, spec):
        # The first bounds a virtual host's administrator, with the second they would reach beyond
        # it.
        if not may(user, Permission.BROKERS_EDIT, broker):
            return "This requires the role broker administrator."
        return ""
    if not may(user, Permission.DEFINITIONS_IMPORT, broker, vhost):
        if vhost is None:
            return _WHOLE_BROKER
        return f"You aren't allowed to import into the virtual host {vhost}."
    return ""


def right_for(
    user: AnyUser, broker: Broker, difference: Difference, before: Spec | None, after: Spec | None
) -> tuple[Permission, str]:
    """Return the right that is checked again before the step is applied, and a sentence that names
    a missing right, or ""."""
    vhost = vhost_of(difference.ref)
    needed = _needed(difference, before, after)
    lacking = [one for one in needed if not may(user, one, broker, vhost)]
    return needed[0], f"This requires {lacking[0]}." if lacking else ""


def _needed(
    difference: Difference, before: Spec | None, after: Spec | None
) -> Sequence[Permission]:
    ref = difference.ref
    if reaches_elsewhere(ref, after) or reaches_elsewhere(ref, before):
        return [Permission.BROKERS_EDIT]
    if ref.kind in FACES:
        return FACES[ref.kind].rights_for(
            Intent(
                before=before,
                after=after,
                changed={field.name for field in difference.fields},
                by_file=True,
            )
        )
    return [Permission.BROKERS_EDIT if vhost_of(ref) is None else Permission.DEFINITIONS_IMPORT]
