"""The panel "What goes with it" on the pages of queues and exchanges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from accessctl.authorize import AnyUser, may
from accessctl.rights import Permission
from vhosts.models import Exchange, Queue
from vhosts.topology.references import references_to

#: The rights that references need which name more than exchanges, queues and policies.
_NEEDS = {
    "topics": Permission.PERMISSIONS_VIEW,
    "reach": Permission.PERMISSIONS_VIEW,
    "shovels": Permission.PARAMETERS_VIEW,
    "federation": Permission.PARAMETERS_VIEW,
}


def references_panel(kind: str, row: Exchange | Queue, user: AnyUser) -> Mapping[str, Any]:
    """Return the variables of vhosts/_references.html."""
    found = references_to(row.broker, kind, (row.vhost, row.name))
    allowed = {one for one in _NEEDS.values() if may(user, one, row.broker, row.vhost)}
    found = [one for one in found if _NEEDS.get(one.what) in (None, *allowed)]
    here = {"broker": row.broker_id, "vhost": row.vhost, kind: row.name}
    return {
        "references": found,
        "map_url": f"{reverse('topology')}?{urlencode(here)}" if row.name else "",
    }
