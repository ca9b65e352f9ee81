"""Pages that undo changes: the preview of a change's inverse, and of a time to go back to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_http_methods

from accessctl.authorize import require
from accessctl.rights import Permission
from console.engine.proposals.retry import NothingLeft
from console.errors import InvalidField
from console.faces.acts.acts import Asked, Edge, confirm
from console.faces.lists import read_scope
from console.models import Broker, Change
from console.pages.changes.one import access_change
from console.pages.reverts.inverse import Revert, revert_change, revert_since
from console.scope import Scope


class _RevertPage(Edge):
    template = "console/revert.html"

    def landed(self, request: HttpRequest, back: str, change: Change) -> HttpResponse:
        return redirect("change", change.pk)


_PAGE = _RevertPage()


@require_http_methods(["GET", "HEAD", "POST"])
def change_revert(request: HttpRequest, change_id: UUID) -> HttpResponse:
    """Show the inverse of a finished change; POST applies it as a change of its own."""
    found = access_change(request.user, change_id)
    overwrite = request.GET.get("overwrite") == "1"
    back = reverse("change", args=[found.pk])

    def make() -> Revert:
        return revert_change(found, acting_user=request.user, overwrite=overwrite)

    return _confirm(request, make, back, overwrite, "Revert change")


@require_http_methods(["GET", "HEAD", "POST"])
def revert_to(request: HttpRequest) -> HttpResponse:
    """Choose a time to go back to; with one, show what that undoes. POST applies it."""
    require(request.user, Permission.CHANGES_VIEW)
    scope, problems = read_scope(request)
    problem = " ".join(one.message for one in problems)
    since: datetime | None = None
    if "since" in request.GET and not problem:
        try:
            since = read_since(request.GET["since"], timezone.now())
        except InvalidField as error:
            problem = error.message
    if since is None or scope.broker is None or problem:
        return _choose(request, scope, problem)
    broker, vhost, at = scope.broker, scope.vhost, since
    overwrite = request.GET.get("overwrite") == "1"
    back = f"{reverse('revert_to')}?{urlencode(scope.parameters())}"

    def make() -> Revert:
        return revert_since(broker, vhost, at, acting_user=request.user, overwrite=overwrite)

    return _confirm(request, make, back, overwrite, "Revert changes", ranged=True)


def _confirm(
    request: HttpRequest,
    make: Callable[[], Revert],
    back: str,
    overwrite: bool,
    act: str,
    *,
    ranged: bool = False,
) -> HttpResponse:
    offer: dict[str, str] = {}

    def ask() -> Asked:
        try:
            return _asked(request, make(), back, overwrite, act=act, ranged=ranged)
        except NothingLeft as error:
            # All that is left to set back was changed again since: that is the person's choice.
            if error.data.get("conflicts"):
                offer["overwrite_url"] = _with_overwrite(request, "1")
            raise

    return confirm(request, ask, back, edge=_PAGE, offer=offer)


def read_since(text: str, now: datetime) -> datetime:
    """Return the time; without a zone, it is UTC. Raises InvalidField."""
    try:
        found = parse_datetime(text.strip())
        if found is not None:
            found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise InvalidField("since", "Not a valid time. Use a form like 2026-05-31T14:00.")
    if found > now:
        raise InvalidField("since", "This time is in the future. Use an earlier one.")
    return found


def _asked(
    request: HttpRequest,
    found: Revert,
    back: str,
    overwrite: bool,
    *,
    act: str,
    ranged: bool = False,
) -> Asked:
    return Asked(
        title=found.title,
        desired_objects=found.desired_objects,
        act=act,
        back=back,
        dies=found.about,
        warnings=found.remarks,
        typed=found.typed,
        danger=bool(found.doomed),
        reverts=found.reverts,
        context={
            "undone": found.changes if ranged else [],
            "conflicts": found.conflicts,
            "overwrite": overwrite,
            "keep_url": _with_overwrite(request, None),
            "overwrite_url": _with_overwrite(request, "1"),
        },
    )


def _with_overwrite(request: HttpRequest, value: str | None) -> str:
    query = request.GET.copy()
    query.pop("overwrite", None)
    if value is not None:
        query["overwrite"] = value
    return f"{request.path}?{query.urlencode()}"


def _choose(request: HttpRequest, scope: Scope, problem: str) -> HttpResponse:
    now = timezone.now()
    context: dict[str, Any] = {
        "now": now,
        "scope": scope,
        "brokers": Broker.objects.visible_to(request.user).order_by("name"),
        "broker": scope.broker,
        "since": request.GET.get("since")
        or f"{now.astimezone(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M}",
        "problem": problem,
    }
    return render(request, "console/revert_to.html", context, status=400 if problem else 200)
