"""Virtual hosts in a plan of several objects (POST /api/v1/plans/)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from accessctl.reach import reach_of
from accessctl.rights import Permission
from console.engine.accept import Wish
from console.kinds.common.kind import Ref
from vhosts.virtual_hosts.rules import create_vhost, delete_vhost, edit_vhost, vhost_standing


def plan_vhost(
    fields: dict[str, Any], absent: bool, user: Any, making: Collection[Ref]
) -> list[Wish]:
    """See console.faces.face.Planned. Raises NotAllowed, InvalidField."""
    broker, name = fields.pop("broker"), fields.pop("name")
    if absent:
        return [delete_vhost(broker=broker, name=name, acting_user=user)]
    # Which right is lacking would tell of what the person may not see.
    seen = reach_of(user).of_the_person.has(Permission.VHOSTS_VIEW, broker, name)
    there = seen and vhost_standing(broker, name).wanted is not None
    make = edit_vhost if there else create_vhost
    return [make(broker=broker, name=name, fields=fields, acting_user=user)]
