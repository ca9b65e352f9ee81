"""The list of federation links."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accessctl.authorize import may, require
from accessctl.rights import Permission
from console.brokers.observation import observe
from console.engine.acts.request import RequestedAct
from console.faces.acts.acts import Asked, confirm
from console.faces.face import FACES
from console.faces.lists import (
    Column,
    Filter,
    ListSpec,
    contains,
    csv_response,
    equals,
    list_response,
    read_list,
    read_scope,
)
from console.faces.objects import cells
from console.faces.pages.refreshed import refreshed
from console.faces.tabs import tabs_of
from console.faces.templatetags.warren import state_badge
from console.kinds.common.kind import Ref
from console.kinds.parameters.federation_upstream import FEDERATION_UPSTREAM, RESTART_LINK
from console.scope import Scope
from vhosts.federation.links import LINKS
from vhosts.models import FederationLink

_STATES = {"running": "Running", "starting": "Starting", "error": "Error", "shutdown": "Shut down"}


def _reason(link: Any) -> Any:
    return cells.name(link.error, 80) if link.error else cells.table({})


LISTING = ListSpec(
    name="federation-links",
    default_sort="name",
    tiebreak=("broker__name", "vhost", "id"),
    columns=[
        cells.name_column(),
        Column(
            key="of",
            label="Federates",
            order=["of", "name"],
            value=lambda link: link.of,
            cell=lambda link: link.of.capitalize(),
        ),
        cells.vhost_column(),
        cells.broker_column(),
        Column(
            key="upstream",
            label="Upstream",
            order=["upstream", "name"],
            value=lambda link: link.upstream,
            cell=lambda link: cells.name(link.upstream),
        ),
        Column(
            key="state",
            label="State",
            order=["state", "name"],
            value=lambda link: link.state or None,
            cell=lambda link: state_badge(link.state, "", link.error),
            help="As RabbitMQ reported it with the last inventory.",
        ),
        Column(
            key="error",
            label="Error",
            value=lambda link: link.error or None,
            cell=_reason,
        ),
        Column(
            key="uri",
            label="URI",
            value=lambda link: link.uri or None,
            cell=lambda link: cells.name(link.uri, 60),
            help="Without username and password.",
            shown=False,
        ),
        Column(key="restart", label="Restart"),
        Column(
            key="node",
            label="Node",
            order=["node", "name"],
            value=lambda link: link.node,
            cell=lambda link: cells.name(link.node),
            shown=False,
        ),
    ],
    filters=[
        Filter(
            key="search",
            label="Name or upstream",
            where=contains("name", "upstream"),
            help="Part of the name or upstream.",
        ),
        Filter(
            key="state",
            label="State",
            kind="choice",
            choices=_STATES,
            where=equals("state"),
            others=True,
        ),
    ],
)


def _in_scope(scope: Scope, user: Any) -> Any:
    rows = FederationLink.objects.visible_to(user).filter(broker__in=scope.brokers(user))
    if scope.vhost is not None:
        rows = rows.filter(vhost=scope.vhost)
    return rows.select_related("broker")


@require_safe
@refreshed("inventory")
def links(request: HttpRequest) -> HttpResponse:
    """Show the links of all exchanges and queues in scope."""
    require(request.user, Permission.PARAMETERS_VIEW)
    now = timezone.now()
    scope, problems = read_scope(request)
    asked = read_list(LISTING, request.GET, hidden=["broker"] if scope.broker else [])
    rows = _in_scope(scope, request.user)
    return list_response(
        request,
        "vhosts/federation_links.html",
        "vhosts/_federation_links.html",
        {
            "now": now,
            "scope": scope,
            "listing": asked.show(rows.none() if problems else rows),
            "may_restart": may(request.user, Permission.PARAMETERS_EDIT),
            "tabs": tabs_of(FACES[FEDERATION_UPSTREAM.name]),
            "scope_problems": problems,
            "observed": observe(
                scope.enabled_brokers(request.user), "inventory_at", now, parts=(LINKS,)
            ),
        },
        [*problems, *asked.problems],
    )


@require_http_methods(["GET", "HEAD", "POST"])
def restart_link(request: HttpRequest, link_id: int) -> HttpResponse:
    """Restart one link."""
    rows = FederationLink.objects.visible_to(request.user).select_related("broker__status")
    link = rows.filter(pk=link_id).first()
    if link is None:
        raise Http404("Federation link not found.")
    require(request.user, Permission.PARAMETERS_EDIT, link.broker, link.vhost)
    back = f"{reverse('federation_links')}?{urlencode({'broker': link.broker_id})}"

    def ask() -> Asked:
        return Asked(
            title=f"Restart the link of {link.of} {link.name} from {link.upstream}",
            acts=[
                RequestedAct(
                    broker=link.broker,
                    ref=Ref(FEDERATION_UPSTREAM.name, (link.vhost, link.upstream)),
                    act=RESTART_LINK.name,
                    permission=Permission.PARAMETERS_EDIT,
                    parameters={"link": link.link, "node": link.node},
                    notes=["The link reconnects. Messages on their way are sent again."],
                )
            ],
            act="Restart link",
            back=back,
        )

    return confirm(request, ask, back, broker=link.broker)


@require_safe
def links_csv(request: HttpRequest) -> HttpResponseBase:
    require(request.user, Permission.PARAMETERS_VIEW)
    scope, problems = read_scope(request)
    asked = read_list(LISTING, request.GET)
    return csv_response(asked, _in_scope(scope, request.user), [*problems, *asked.problems])
