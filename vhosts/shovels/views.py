"""Restart a shovel."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accessctl.rights import Permission
from console.engine.acts.request import RequestedAct
from console.faces.acts.acts import Asked, confirm
from console.faces.objects.pages import access
from console.kinds.common.kind import Ref
from console.kinds.parameters.shovel import RESTART, SHOVEL
from vhosts.shovels.face import SHOVELS


@require_http_methods(["GET", "HEAD", "POST"])
def restart(request: HttpRequest, shovel_id: int) -> HttpResponse:
    """Restart the shovel: preview, then an act that is sent once."""
    row = access(SHOVELS, request.user, shovel_id, Permission.PARAMETERS_EDIT)
    back = reverse(SHOVEL.name, args=[row.pk])
    key = SHOVELS.key_of(row)

    def ask() -> Asked:
        return Asked(
            title=f"Restart the {SHOVEL.phrase(key)}",
            acts=[
                RequestedAct(
                    broker=row.broker,
                    ref=Ref(SHOVEL.name, key),
                    act=RESTART.name,
                    permission=Permission.PARAMETERS_EDIT,
                    notes=["It reconnects both ends. Messages that it holds return to the source."],
                )
            ],
            act="Restart shovel",
            back=back,
        )

    return confirm(request, ask, back, broker=row.broker)
