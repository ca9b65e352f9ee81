"""What of a definitions file no form and no API would take either: the same checks for every door.

Only of what the import would change: what is on the broker already stays as it is, whatever it is.
"""

from __future__ import annotations

from console.engine.applying.own_login import lock_out
from console.errors import InvalidField
from console.faces.face import FACES
from console.kinds.common.kind import Op, Spec
from console.models import Broker
from console.reconcile.diff import Difference
from console.reconcile.disclose import sets_secret


def why_not_possible(
    broker: Broker, difference: Difference, before: Spec | None, after: Spec | None
) -> str:
    """Why the step cannot be asked for, in one sentence; "" where it can."""
    ref = difference.ref
    if found := lock_out(broker, ref, before, after, new_password=sets_secret(difference)):
        return found.message
    if after is None or difference.op is Op.DELETE or ref.kind not in FACES:
        return ""
    changed = {field.name for field in difference.fields}
    fields = {name: after[name] for name in changed if name in after}
    try:
        FACES[ref.kind].rules.check_changed(broker, ref.key, fields)
    except InvalidField as error:
        return error.message
    return ""
