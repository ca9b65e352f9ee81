"""Pages of API tokens and sessions: a person's own; for superusers, everyone's."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accessctl.access.confirm import question
from accessctl.access.forms import TokenForm
from accessctl.access.views import tabs
from accessctl.models import ApiToken, ConsoleSession
from accessctl.sessions.service import end_session
from accessctl.sessions.store import ref_of
from accessctl.tokens.service import create_token, revoke_token
from console.errors import ConsoleError, InvalidField
from console.faces.pages.links import absolute
from console.faces.person import person_of

_MOST = 1000


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    form = TokenForm(request.POST or None)
    made: tuple[ApiToken, str] | None = None
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        try:
            made = create_token(
                user=person_of(request),
                name=asked["name"],
                expires_in=timedelta(days=asked["expires_in_days"]),
                scopes=form.wanted_scopes(),
                networks=[part for part in asked["networks"].split(",") if part.strip()],
                now=timezone.now(),
                acting_user=person_of(request),
            )
        except InvalidField as error:
            form.refuse(error)
        except ConsoleError as error:
            form.add_error(None, error.message)
        else:
            form = TokenForm()
    opened = "token" if form.errors or (request.GET.get("new") and not made) else ""
    mine = ApiToken.objects.of(request.user)
    shared = tabs(request)
    others = ApiToken.objects.visible_to(request.user).exclude(user=request.user.pk)
    return render(
        request,
        "accessctl/access_tokens.html",
        {
            **shared,
            "form": form,
            "made": made,
            "command": f'curl -H "Authorization: Bearer {made[1]}" {absolute("/api/v1/whoami/")}'
            if made
            else "",
            "drawer": ("token", "Create token"),
            "opened": opened,
            "mine": mine,
            "others": others.select_related("user")[:_MOST] if shared["edits_people"] else [],
            "at": timezone.now(),
        },
        status=400 if form.errors else 200,
    )


@require_http_methods(["GET", "HEAD", "POST"])
def token_revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    found = ApiToken.objects.visible_to(request.user).select_related("user")
    token = found.filter(pk=token_id).first()
    if token is None:
        raise Http404("No such token.")
    asked = question(
        request,
        title=f"Revoke the token {token.name}?",
        sentences=[
            f"It begins with {token.token_key} and belongs to {token.user.get_username()}.",
            "Programs that use it are refused from their next request. This can't be undone.",
        ],
        act="Revoke token",
        back=reverse("access_tokens"),
    )
    if asked is not None:
        return asked
    revoke_token(token, acting_user=request.user)
    messages.success(request, f"Revoked: {token.name}.")
    return redirect("access_tokens")


@require_safe
def sessions(request: HttpRequest) -> HttpResponse:
    visible = ConsoleSession.objects.visible_to(request.user).select_related("user")
    live = visible.filter(expire_date__gt=timezone.now())
    return render(
        request,
        "accessctl/access_sessions.html",
        {
            **tabs(request),
            "mine": live.filter(user=request.user.pk),
            "others": live.exclude(user=request.user.pk)[:_MOST],
            "here": ref_of(request.session),
        },
    )


@require_POST
def session_end(request: HttpRequest, ref: UUID) -> HttpResponse:
    found = ConsoleSession.objects.visible_to(request.user).select_related("user")
    session = found.filter(ref=ref).first()
    if session is None:
        raise Http404("No such session.")
    if session.ref == ref_of(request.session):
        return redirect("account_logout")
    end_session(session, acting_user=request.user)
    messages.success(request, "The session has ended.")
    return redirect("access_sessions")
