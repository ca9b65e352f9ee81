"""How federation upstreams and upstream sets are listed, shown and changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.html import format_html

from accessctl.rights import Permission
from console.faces.drawing import Fact, Input
from console.faces.face import Face, Rights, Rules
from console.faces.lists import Column, ListSpec
from console.faces.mirror import Mirror
from console.faces.objects import cells
from console.faces.pages.words import counted
from console.kinds.common.kind import Key, Spec
from console.kinds.parameters.federation_upstream import FEDERATION_UPSTREAM
from console.kinds.parameters.federation_upstream_set import FEDERATION_UPSTREAM_SET
from console.models import Broker
from vhosts.federation.form import UPSTREAM_FORM, UPSTREAM_SET_FORM
from vhosts.federation.links import LINKS
from vhosts.models import FederationLink, FederationUpstream, FederationUpstreamSet
from vhosts.parameters.face import searched
from vhosts.parameters.rules import check

_KEYS = (
    Input(name="vhost", label="Virtual host", help="The virtual host.", offers="vhosts"),
    Input(name="name", label="Name", help="1 to 255 bytes. A name can't be changed later."),
)
_MIRROR = Mirror(to_spec=lambda row: {"value": row.value})


def _uris(row: Any) -> str:
    given = row.value.get("uri")
    return ", ".join(str(uri) for uri in (given if isinstance(given, list) else [given]) if uri)


def _members(row: Any) -> str:
    members = row.value if isinstance(row.value, list) else []
    return ", ".join(str(one.get("upstream")) for one in members if isinstance(one, dict))


def dies(broker: Broker, key: Key, spec: Spec | None) -> Iterable[str]:
    """Yield what ends with an upstream."""
    if why := broker.status.why_unknown(LINKS):
        yield f"Whether links use it is unknown. {why}"
        return
    links = FederationLink.objects.filter(broker=broker, vhost=key[0], upstream=key[1]).count()
    if links:
        yield f"{counted(links, 'link')} to it end; federated exchanges and queues get no more from there."


UPSTREAMS = Face(
    kind=FEDERATION_UPSTREAM,
    model=FederationUpstream,
    rights=Rights(
        view=Permission.PARAMETERS_VIEW,
        # It connects elsewhere, beyond the virtual host.
        create=Permission.BROKERS_EDIT,
        edit=Permission.BROKERS_EDIT,
        delete=Permission.BROKERS_EDIT,
    ),
    slug="federation-upstreams",
    listing=ListSpec(
        name="federation-upstreams",
        default_sort="name",
        tiebreak=("broker__name", "vhost", "id"),
        columns=[
            cells.name_column(),
            cells.vhost_column(),
            cells.broker_column(),
            Column(
                key="uri",
                label="URI",
                value=_uris,
                cell=lambda row: cells.name(_uris(row), 60),
                help="Without username and password.",
            ),
            cells.sync_column(),
        ],
        filters=[searched("name")],
    ),
    inputs=(
        *_KEYS,
        Input(
            name="value",
            label="Settings",
            help="As in RabbitMQ's parameter: uri, prefetch-count and others. Passwords in URIs are "
            "written, never read; a URI without username and password keeps those on the broker.",
        ),
    ),
    form=UPSTREAM_FORM,
    facts=(
        Fact(label="URI", cell=lambda row: format_html("<code>{}</code>", _uris(row))),
        Fact(label="Settings", cell=lambda row: cells.table(row.value)),
    ),
    rules=Rules(check=check, dies=dies),
    mirror=_MIRROR,
    tab_of="shovel",
    icon="globe-alt",
    about="An upstream is another broker from which exchanges and queues here get messages. A policy says which.",
    empty="An upstream is another broker from which exchanges and queues here get messages. A policy says which.",
)
UPSTREAM_SETS = Face(
    kind=FEDERATION_UPSTREAM_SET,
    model=FederationUpstreamSet,
    rights=Rights(
        view=Permission.PARAMETERS_VIEW,
        create=Permission.PARAMETERS_EDIT,
        edit=Permission.PARAMETERS_EDIT,
        delete=Permission.PARAMETERS_EDIT,
    ),
    slug="federation-upstream-sets",
    listing=ListSpec(
        name="federation-upstream-sets",
        default_sort="name",
        tiebreak=("broker__name", "vhost", "id"),
        columns=[
            cells.name_column(),
            cells.vhost_column(),
            cells.broker_column(),
            Column(
                key="upstreams",
                label="Upstreams",
                value=_members,
                cell=lambda row: cells.name(_members(row), 60),
            ),
            cells.sync_column(),
        ],
        filters=[searched("name")],
    ),
    inputs=(
        *_KEYS,
        Input(name="value", label="Upstreams", help='A list: [{"upstream": "name"}].'),
    ),
    form=UPSTREAM_SET_FORM,
    facts=(Fact(label="Upstreams", cell=lambda row: cells.name(_members(row), 200)),),
    rules=Rules(check=check),
    mirror=_MIRROR,
    tab_of="shovel",
    icon="globe-alt",
    about="An upstream set names several upstreams, for the key federation-upstream-set of a policy.",
    empty="An upstream set names several upstreams, for the key federation-upstream-set of a policy.",
)
