"""Pages of console accounts and groups."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.models import Group, User
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accessctl.access.confirm import question
from accessctl.access.forms import GroupForm, GroupsForm, PersonForm
from accessctl.access.views import tabs
from accessctl.authorize import may, require
from accessctl.models import ApiToken, ConsoleSession, Grant
from accessctl.people import service
from accessctl.people.first_password import good_for_hours, link_of
from accessctl.rights import Permission
from console.errors import InvalidField
from console.faces.person import person_of

_MOST = 1000


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def people(request: HttpRequest) -> HttpResponse:
    """List accounts, and create one. The link with which its owner sets a password is shown only
    once, in the response."""
    require(request.user, Permission.PEOPLE_VIEW)
    form = PersonForm(request.POST or None)
    made: tuple[User, str] | None = None  # the account and the link
    if request.method == "POST":
        require(request.user, Permission.PEOPLE_EDIT)
        if form.is_valid():
            try:
                new, code = service.create_person(
                    form.cleaned_data["username"], acting_user=person_of(request)
                )
                made, form = (new, link_of(code)), PersonForm()
            except InvalidField as error:
                form.refuse(error)
    rows = User.objects.order_by("username").prefetch_related("groups")
    rows = rows.annotate(grant_count=Count("grants"))
    groups = Group.objects.order_by("name").annotate(
        member_count=Count("user", distinct=True), grant_count=Count("grants", distinct=True)
    )
    edits = may(request.user, Permission.PEOPLE_EDIT)
    opened = "account" if form.errors else "" if made else request.GET.get("new", "")
    return render(
        request,
        "accessctl/access_people.html",
        {
            **tabs(request),
            "people": rows[:_MOST],
            "total": rows.count(),
            "groups": groups[:_MOST],
            "form": form,
            "group_form": GroupForm(),
            "made": made,
            "drawer": ("account", "Create account") if edits else None,
            "opened": opened,
            "good_for_hours": good_for_hours(),
        },
        status=400 if form.errors else 200,
    )


@require_http_methods(["GET", "HEAD"])
def person(request: HttpRequest, person_id: int) -> HttpResponse:
    require(request.user, Permission.PEOPLE_VIEW)
    return _shown(request, _found(person_id))


@require_POST
def person_groups(request: HttpRequest, person_id: int) -> HttpResponse:
    found = _edited(request, person_id)
    form = GroupsForm(request.POST)
    if not form.is_valid():
        raise InvalidField("groups", "Unknown group. Reload the page and select groups again.")
    service.set_groups(found, list(form.cleaned_data["groups"]), acting_user=person_of(request))
    messages.success(request, "Groups saved.")
    return redirect("access_person", found.pk)


@require_http_methods(["GET", "HEAD", "POST"])
def person_switch(request: HttpRequest, person_id: int) -> HttpResponse:
    """Disable an account after a confirmation, or enable it at once."""
    found = _edited(request, person_id)
    active = not found.is_active
    asked = question(
        request,
        title=f"{'Enable' if active else 'Disable'} the account {found.username}?",
        sentences=["It can sign in again, with the roles that it has."]
        if active
        else ["Its sessions end, and its tokens are rejected until it's enabled again."],
        act="Enable account" if active else "Disable account",
        back=reverse("access_person", args=[found.pk]),
    )
    if asked is not None:
        return asked
    service.switch_person(found, active=active, acting_user=person_of(request))
    messages.success(request, f"{found.username} is {'enabled' if active else 'disabled'}.")
    return redirect("access_person", found.pk)


@never_cache
@require_POST
def person_password(request: HttpRequest, person_id: int) -> HttpResponse:
    """Void the old password. The link to set a new one is shown only once, in the response."""
    found = _edited(request, person_id)
    code, revoked = service.reset_password(
        found,
        acting_user=person_of(request),
        keep_tokens=request.POST.get("keep_tokens") == "on",
    )
    if revoked:
        messages.info(request, f"API tokens revoked: {revoked}.")
    return _shown(request, found, link_of(code))


@require_POST
def group_add(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.PEOPLE_EDIT)
    group = service.create_group(request.POST.get("name", ""), acting_user=person_of(request))
    messages.success(request, f"Group created: {group.name}.")
    return redirect("access_people")


@require_http_methods(["GET", "HEAD", "POST"])
def group_delete(request: HttpRequest, group_id: int) -> HttpResponse:
    require(request.user, Permission.PEOPLE_EDIT)
    group = Group.objects.filter(pk=group_id).first()
    if group is None:
        raise Http404("No such group.")
    members, granted = group.user_set.count(), Grant.objects.filter(group=group).count()
    asked = question(
        request,
        title=f"Delete the group {group.name}?",
        sentences=[
            f"Its {granted} role{'s' * (granted != 1)} are lost with it, for {members} "
            f"member{'s' * (members != 1)}. The accounts stay.",
            "This can't be undone.",
        ],
        act="Delete group",
        back=reverse("access_people"),
    )
    if asked is not None:
        return asked
    service.delete_group(group, acting_user=person_of(request))
    messages.success(request, f"Group deleted: {group.name}.")
    return redirect("access_people")


def _edited(request: HttpRequest, person_id: int) -> User:
    require(request.user, Permission.PEOPLE_EDIT)
    return _found(person_id)


def _found(person_id: int) -> User:
    found = User.objects.filter(pk=person_id).first() if person_id < 2**31 else None
    if found is None:
        raise Http404("No such account.")
    return found


def _shown(request: HttpRequest, found: User, link: str = "") -> HttpResponse:
    own = Grant.objects.filter(user=found) | Grant.objects.filter(group__in=found.groups.all())
    visible = Grant.objects.visible_to(request.user).filter(pk__in=own.values("pk"))
    return render(
        request,
        "accessctl/access_person.html",
        {
            **tabs(request),
            "found": found,
            "grants": visible.select_related("user", "group", "broker"),
            "groups_form": GroupsForm(initial={"groups": found.groups.all()}),
            "token_count": ApiToken.objects.of(found).count(),
            "session_count": ConsoleSession.objects.filter(user=found).count(),
            "link": link,
            "good_for_hours": good_for_hours(),
            "is_self": found.pk == request.user.pk,
        },
    )
