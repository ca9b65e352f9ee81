"""Delete several bindings at once."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from accessctl.authorize import require
from accessctl.rights import Permission
from console.errors import InvalidField
from console.faces.acts.acts import Asked, back_to, confirm
from console.faces.objects.requests import deletion
from vhosts.bindings.face import BINDINGS
from vhosts.bindings.lists import MOST_AT_ONCE
from vhosts.models import Binding


@require_POST
def bindings_unbind(request: HttpRequest) -> HttpResponse:
    """Preview deleting the selected bindings (`ids`, repeated); do it if that was confirmed."""
    require(request.user, Permission.BINDINGS_EDIT)
    ids = {
        int(one)
        for one in request.POST.getlist("ids")
        if one.isascii() and one.isdecimal() and len(one) < 20
    }
    found = Binding.objects.visible_to(request.user).select_related("broker__status")
    rows = list(found.filter(pk__in=[pk for pk in ids if pk < 2**63])[: MOST_AT_ONCE + 1])
    back = back_to(request, reverse("bindings"))

    def ask() -> Asked:
        if not rows:
            raise InvalidField("ids", "Select at least one binding.")
        if len(rows) > MOST_AT_ONCE:
            raise InvalidField("ids", f"The limit is {MOST_AT_ONCE} bindings at once.")
        return deletion(BINDINGS, request.user, rows, back, typed=False)

    return confirm(
        request,
        ask,
        back,
        shown_first=request.POST.get("step") != "apply",
        hidden=[("ids", str(row.pk)) for row in rows],
    )
