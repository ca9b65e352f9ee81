"""Pages about who may do what in the console: a person's own access, grants, and the reasons."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accessctl.access.forms import GrantForm, WhyForm
from accessctl.authorize import Answer, may, require, why
from accessctl.grants.roles import ABOUT, Role
from accessctl.grants.service import give_grant
from accessctl.models import Grant
from accessctl.reach import reach_of
from accessctl.rights import Permission
from console.errors import InvalidField
from console.faces.person import person_of

_MOST = 1000


def tabs(request: HttpRequest) -> dict[str, Any]:
    """Return the context that every page under /access/ shares."""
    user = request.user
    return {
        "sees_grants": may(user, Permission.GRANTS_VIEW),
        "sees_people": may(user, Permission.PEOPLE_VIEW),
        "edits_people": may(user, Permission.PEOPLE_EDIT),
    }


@require_safe
def access(request: HttpRequest) -> HttpResponse:
    """Show a person's own grants, and the answer to "may … do …, and why?"."""
    shared = tabs(request)
    asked = bool(request.GET)
    form = WhyForm(
        request.GET if asked else None, user=request.user, sees_people=shared["sees_people"]
    )
    answer: Answer | None = None
    if asked and form.is_valid():
        person: Any = form.cleaned_data.get("person", request.user)
        answer = why(
            person,
            Permission(form.cleaned_data["permission"]),
            form.cleaned_data["broker"],
            form.cleaned_data["vhost"] or None,
        )
    return render(
        request,
        "accessctl/access.html",
        {
            **shared,
            "grants": reach_of(request.user).grants,
            "form": form,
            "answer": answer,
            "about": [(role.label, ABOUT[role]) for role in Role],
        },
        status=400 if asked and form.errors else 200,
    )


@require_http_methods(["GET", "HEAD", "POST"])
def grants(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.GRANTS_VIEW)
    form = GrantForm(request.POST or None, user=request.user)
    if request.method == "POST":
        require(request.user, Permission.GRANTS_EDIT)
        if form.is_valid():
            try:
                grant = give_grant(
                    form.settings(), now=timezone.now(), acting_user=person_of(request)
                )
            except InvalidField as error:
                form.refuse(error)
            else:
                messages.success(request, f"Granted. {grant}.")
                return redirect("access_grants")
    visible = Grant.objects.visible_to(request.user).select_related("user", "group", "broker")
    edits = may(request.user, Permission.GRANTS_EDIT)
    return render(
        request,
        "accessctl/access_grants.html",
        {
            **tabs(request),
            "grants": visible.order_by("user__username", "group__name", "id")[:_MOST],
            "form": form,
            "edits_grants": edits,
            "drawer": ("grant", "Grant role") if edits else None,
            "opened": "grant" if form.errors or request.GET.get("new") else "",
        },
        status=400 if form.errors else 200,
    )
