"""How virtual hosts are listed, mirrored, compared and changed. They have their own page."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from accessctl.rights import Permission
from console.faces.face import Face, Intent, NextStep, Rights, Rules
from console.faces.mirror import Mirror, Reading
from console.kinds.common.kind import Key, Spec
from console.kinds.common.values import optional_text
from console.kinds.vhost import DEFAULT_TYPE, VHOST
from console.rabbitmq.cluster import ClusterView
from console.rabbitmq.errors import BrokerError, LoginRefused
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.management.readings import tags
from console.rabbitmq.types import Listing, VhostInfo
from vhosts.models import VirtualHost
from vhosts.virtual_hosts.api import VHOSTS_API
from vhosts.virtual_hosts.forms import VHOST_FORM
from vhosts.virtual_hosts.lists import VHOSTS, VHOSTS_PAGE
from vhosts.virtual_hosts.rules import check_vhost_fields, vhost_guard, vhost_objections

#: A virtual host with its limits; None if these can't be read.
_Listed = tuple[VhostInfo, dict[str, int] | None]


def _items(client: ManagementClient) -> Listing[_Listed]:
    listing = client.vhosts()
    limits: dict[str, dict[str, int]] | None
    try:
        limits = {row.vhost: dict(row.limits) for row in client.vhost_limits().items}
    except LoginRefused:
        raise
    except BrokerError:
        limits = None
    pairs = [
        (item, None if limits is None else limits.get(item.name, {})) for item in listing.items
    ]
    return Listing(pairs, listing.rejected, listing.complete)


def _row(listed: _Listed, view: ClusterView) -> tuple[Any, ...]:
    vhost, limits = listed
    return (
        vhost.name,
        vhost.description or "",
        list(vhost.tags),
        vhost.default_type or "",
        vhost.tracing,
        vhost.protected_from_deletion,
        limits or {},
        dict(vhost.cluster_state),
    )


def _untold(items: Sequence[_Listed]) -> Collection[str]:
    return ("limits",) if any(limits is None for _, limits in items) else ()


def _columns(key: Key, spec: Spec) -> tuple[Any, ...]:
    return (
        spec.get("description", ""),
        list(tags(spec.get("tags"))),
        optional_text(spec.get(DEFAULT_TYPE)) or "",
        spec.get("tracing"),
        spec.get("protected_from_deletion"),
        dict(spec.get("limits", {})),
    )


def _spec(row: VirtualHost) -> dict[str, Any]:
    """Return the observed spec, without fields that the broker's version doesn't report."""
    told = [(field, getattr(row, field.name)) for field in VHOST.fields]
    return {field.name: field.canonical(value) for field, value in told if value is not None}


def _needs(intent: Intent) -> Sequence[Permission]:
    limits = [Permission.VHOSTS_LIMIT] if "limits" in intent.changed else []
    if intent.after is None:
        return [Permission.VHOSTS_DELETE]
    edits = Permission.VHOSTS_CREATE if intent.before is None else Permission.VHOSTS_EDIT
    return [*limits, edits]


VIRTUAL_HOSTS = Face(
    kind=VHOST,
    model=VirtualHost,
    rights=Rights(
        view=Permission.VHOSTS_VIEW,
        create=Permission.VHOSTS_CREATE,
        edit=Permission.VHOSTS_EDIT,
        delete=Permission.VHOSTS_DELETE,
    ),
    slug="vhosts",
    listing=VHOSTS,
    list_page=VHOSTS_PAGE,
    about="Virtual hosts, from the last inventory of each broker.",
    rules=Rules(
        check_changed=lambda broker, key, fields: check_vhost_fields(fields),
        dies=lambda broker, key, spec: vhost_objections(broker, key[0]),
        guard=lambda broker, key: vhost_guard(broker, key[0]),
    ),
    mirror=Mirror(
        columns=(
            "description", "tags", DEFAULT_TYPE, "tracing", "protected_from_deletion", "limits",
        ),
        of_spec=_columns,
        to_spec=_spec,
        # The state by node isn't part of the desired state: a new vhost gets it from the inventory.
        given={"cluster_state": "'{}'::jsonb"},
        reading=Reading(items=_items, row=_row, untold=_untold),
    ),
    form=VHOST_FORM,
    needs=_needs,
    api=VHOSTS_API,
    page="vhost",
    then=[
        NextStep(
            label="Set permissions",
            route="permission_edit",
            right=Permission.PERMISSIONS_EDIT,
            parameters={"vhost": "name"},
        )
    ],
)  # fmt: skip
