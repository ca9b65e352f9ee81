"""What of a definitions file no form and no API would take either: the same checks for every door.

Only of what the import would change: what is on the broker already stays as it is, whatever it is.
"""

from __future__ import annotations

from accessctl.permissions.rules import check_patterns
from accessctl.users.rules import check_user_fields
from console.engine.own_login import lock_out
from console.errors import InvalidField
from console.kinds.common.kind import Op, Spec
from console.models import Broker
from console.reconcile.diff import Difference
from console.reconcile.disclose import beside_secrets, sets_secret
from vhosts.virtual_hosts.rules import check_vhost_fields


def why_not_possible(
    broker: Broker, difference: Difference, before: Spec | None, after: Spec | None
) -> str:
    """Why the step cannot be asked for, in one sentence; "" where it can."""
    kind = difference.ref.kind
    changed = {field.name for field in difference.fields}
    new_password = sets_secret(difference)
    if found := lock_out(broker, difference.ref, before, after, new_password=new_password):
        return found.message
    if after is None or difference.op is Op.DELETE:
        return ""
    fields = {name: after[name] for name in changed if name in after}
    try:
        if kind == "vhost":
            check_vhost_fields(fields)
        elif kind == "user":
            check_user_fields({k: v for k, v in fields.items() if k not in beside_secrets(kind)})
        elif kind in ("permission", "topic_permission"):
            check_patterns(fields, broker)
    except InvalidField as error:
        return error.message
    return ""
