"""Panels about policies for the pages of other kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accessctl.authorize import AnyUser, may
from accessctl.rights import Permission
from console.faces.drawing import Panel
from vhosts.policies.in_force import of_exchange


def _of_exchange(row: Any, user: AnyUser) -> Mapping[str, Any]:
    may_see = may(user, Permission.POLICIES_VIEW, row.broker, row.vhost)
    return {"force": of_exchange(row, names_policies=may_see)}


#: For the page of an exchange: what is in force on it. Two queries.
EXCHANGE_IN_FORCE = Panel(
    template="vhosts/_in_force.html", context=lambda row: {}, for_person=_of_exchange
)
