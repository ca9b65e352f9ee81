"""What of a definitions file no form and no API would take either: the same checks for every door.

Only of what the import would change: what is on the broker already stays as it is, whatever it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accessctl.services.broker_permissions import check_patterns
from accessctl.services.broker_users import check_user_fields, why_shut_out
from console.errors import InvalidField
from console.models import Broker
from console.reconcile.diff import Difference, Op
from console.reconcile.kinds import Spec
from vhosts.services.manage_vhosts import check_vhost_fields

_OF_PASSWORD = ("password_hash", "hashing_algorithm")


def why_not_possible(
    broker: Broker, difference: Difference, before: Spec | None, after: Spec | None
) -> str:
    """Why the step cannot be asked for, in one sentence; "" where it can."""
    if after is None or difference.op is Op.DELETE:
        return ""
    kind = difference.ref.kind
    changed = {field.name for field in difference.fields}
    fields = {name: after[name] for name in changed if name in after}
    try:
        if kind == "vhost":
            check_vhost_fields(fields)
        elif kind == "user":
            check_user_fields({k: v for k, v in fields.items() if k not in _OF_PASSWORD})
            return _shuts_out(broker, difference, changed, before or {}, after)
        elif kind in ("permission", "topic_permission"):
            check_patterns(fields, broker)
    except InvalidField as error:
        return error.message
    return ""


def _shuts_out(
    broker: Broker,
    difference: Difference,
    changed: set[str],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> str:
    name = difference.ref.key[0]
    if name == broker.username and before and changed & set(_OF_PASSWORD):
        return (
            f"{name} is the user by which the console itself logs in to {broker.name}, and the file "
            "gives it another password. Leave it out of the file, or give the broker another user."
        )
    return why_shut_out(broker, name, before, after)
