"""Page to revoke a role."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accessctl.access.confirm import question
from accessctl.authorize import require
from accessctl.grants.service import take_grant
from accessctl.models import Grant
from accessctl.rights import Permission
from console.faces.person import person_of


@require_http_methods(["GET", "HEAD", "POST"])
def grant_take(request: HttpRequest, grant_id: int) -> HttpResponse:
    grant = (
        Grant.objects.visible_to(request.user)
        .select_related("user", "group", "broker")
        .filter(pk=grant_id)
        .first()
    )
    if grant is None:
        raise Http404("No such grant.")
    require(request.user, Permission.GRANTS_EDIT)
    asked = question(
        request,
        title="Revoke the role?",
        sentences=[
            f"{grant}.",
            "It has no effect from the next request on. You can grant it again.",
        ],
        act="Revoke role",
        back=reverse("access_grants"),
    )
    if asked is not None:
        return asked
    take_grant(grant, acting_user=person_of(request))
    messages.success(request, f"Role revoked. {grant}.")
    return redirect("access_grants")
