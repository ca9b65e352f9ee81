"""The pages of maintenance windows and owners: list, form, end or delete."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accessctl.authorize import AnyUser, may, require
from accessctl.rights import Permission
from console.errors import ConsoleError, InvalidField
from console.models import Broker, Environment
from vhosts.alerts.edit.windows import (
    delete_owner,
    end_window,
    may_edit_owner,
    may_edit_window,
    save_owner,
    save_window,
)
from vhosts.alerts.pages.tabs import tabs
from vhosts.models import AlertOwner, MaintenanceWindow

_TEXT = {"class": "form-control", "autocomplete": "off", "spellcheck": "false"}
_SELECT = {"class": "form-select"}
_TIME = {"class": "form-control", "type": "datetime-local"}
_MOST = 200


class WindowForm(forms.Form):
    use_required_attribute = False
    reason = forms.CharField(max_length=500, widget=forms.TextInput(_TEXT), help_text="Shown with the alerts that it mutes.", error_messages={"required": "Enter a reason."})  # fmt: skip
    starts_at = forms.DateTimeField(label="From (UTC)", required=False, widget=forms.DateTimeInput(_TIME, format="%Y-%m-%dT%H:%M"), input_formats=["%Y-%m-%dT%H:%M"], help_text="Empty: now.")  # fmt: skip
    ends_at = forms.DateTimeField(label="To (UTC)", widget=forms.DateTimeInput(_TIME, format="%Y-%m-%dT%H:%M"), input_formats=["%Y-%m-%dT%H:%M"], help_text="What still fires then is reported.", error_messages={"required": "Enter when the window ends."})  # fmt: skip
    environment = forms.ChoiceField(required=False, choices=[("", "All environments"), *Environment.choices], widget=forms.Select(_SELECT), help_text="Only brokers of this environment.")  # fmt: skip
    brokers = forms.ModelMultipleChoiceField(Broker.objects.none(), required=False, widget=forms.SelectMultiple({**_SELECT, "size": 5}), help_text="None selected: all of the environment.")  # fmt: skip
    vhost_pattern = forms.CharField(label="Virtual hosts", required=False, strip=False, initial="*", widget=forms.TextInput(_TEXT), help_text="* matches any characters.")  # fmt: skip
    queue_pattern = forms.CharField(label="Names", required=False, strip=False, initial="*", widget=forms.TextInput(_TEXT), help_text="Of queues and exchanges. * matches any characters.")  # fmt: skip

    def __init__(self, *args: Any, user: AnyUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brokers"].queryset = Broker.objects.visible_to(user)  # type: ignore[attr-defined]


class OwnerForm(forms.Form):
    use_required_attribute = False
    name = forms.CharField(max_length=200, widget=forms.TextInput(_TEXT), help_text="A team or a person. Channels can be theirs.", error_messages={"required": "Enter a name."})  # fmt: skip
    contact = forms.CharField(required=False, widget=forms.TextInput(_TEXT), help_text="A chat room, an address, a phone number.")  # fmt: skip
    broker_pattern = forms.CharField(label="Brokers", required=False, strip=False, initial="*", widget=forms.TextInput(_TEXT), help_text="* matches any characters.")  # fmt: skip
    vhost_pattern = forms.CharField(label="Virtual hosts", required=False, strip=False, initial="*", widget=forms.TextInput(_TEXT), help_text="* matches any characters.")  # fmt: skip
    queue_pattern = forms.CharField(label="Names", required=False, strip=False, initial="*", widget=forms.TextInput(_TEXT), help_text="Of queues and exchanges. * matches any characters.")  # fmt: skip
    position = forms.IntegerField(initial=0, required=False, widget=forms.NumberInput(_TEXT), help_text="The first owner by position whose patterns match counts.")  # fmt: skip


@require_safe
def windows(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.ALERTS_VIEW)
    found = MaintenanceWindow.objects.prefetch_related("brokers").order_by("-ends_at")[:_MOST]
    now = timezone.now()
    context = {
        "now": now,
        "windows": [
            (one, one.ends_at > now and may_edit_window(request.user, one)) for one in found
        ],
        "tabs": tabs(request.user),
        "may_edit": may(request.user, Permission.ALERTS_EDIT),
    }
    return render(request, "vhosts/alerts/windows.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def window_create(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.ALERTS_EDIT)
    form = WindowForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        said = dict(form.cleaned_data)
        for name in ("starts_at", "ends_at"):
            said[name] = said[name].replace(tzinfo=UTC) if said[name] else None
        if _saved(
            form,
            lambda: save_window(None, said, list(said["brokers"]), request.user, timezone.now()),
        ):
            messages.success(request, "Maintenance window created.")
            return redirect("alert_windows")
    return _form(request, form, "Create maintenance window", "alert_windows")


@require_POST
def window_end(request: HttpRequest, window_id: int) -> HttpResponse:
    require(request.user, Permission.ALERTS_EDIT)
    try:
        end_window(min(window_id, 2**63 - 1), request.user, timezone.now())
    except ConsoleError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, "The maintenance window has ended.")
    return redirect("alert_windows")


@require_safe
def owners(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.ALERTS_VIEW)
    found = AlertOwner.objects.prefetch_related("channels")
    context = {
        "now": timezone.now(),
        "owners": [(one, may_edit_owner(request.user, one)) for one in found[:_MOST]],
        "tabs": tabs(request.user),
        "may_edit": may(request.user, Permission.ALERTS_EDIT),
    }
    return render(request, "vhosts/alerts/owners.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def owner_create(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.ALERTS_EDIT)
    return _owner_form(request, None, OwnerForm(request.POST or None))


@require_http_methods(["GET", "HEAD", "POST"])
def owner_edit(request: HttpRequest, owner_id: int) -> HttpResponse:
    owner = _owner(request, owner_id)
    initial = {name: getattr(owner, name) for name in OwnerForm.base_fields}
    return _owner_form(request, owner, OwnerForm(request.POST or None, initial=initial))


@require_http_methods(["GET", "HEAD", "POST"])
def owner_delete(request: HttpRequest, owner_id: int) -> HttpResponse:
    owner = _owner(request, owner_id)
    if request.method == "POST":
        try:
            delete_owner(owner.pk, request.user)
        except ConsoleError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, f"Deleted: {owner.name}.")
        return redirect("alert_owners")
    context = {
        "title": f"Delete the owner {owner.name}?",
        "sentences": ["Alerts of what they are responsible for name nobody then."],
        "act": "Delete owner",
        "back": reverse("alert_owners"),
    }
    return render(request, "vhosts/alerts/confirm.html", context)


def _owner(request: HttpRequest, owner_id: int) -> AlertOwner:
    require(request.user, Permission.ALERTS_EDIT)
    found = AlertOwner.objects.filter(pk=min(owner_id, 2**63 - 1)).first()
    if found is None:
        raise Http404("No such owner.")
    return found


def _owner_form(request: HttpRequest, owner: AlertOwner | None, form: OwnerForm) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        said = {**form.cleaned_data, "position": form.cleaned_data["position"] or 0}
        if _saved(form, lambda: save_owner(owner.pk if owner else None, said, request.user)):
            messages.success(request, f"Saved: {said['name']}.")
            return redirect("alert_owners")
    title = "Edit owner" if owner else "Create owner"
    delete = reverse("alert_owner_delete", args=[owner.pk]) if owner else ""
    return _form(request, form, title, "alert_owners", delete)


def _saved(form: forms.Form, save: Any) -> bool:
    """Return whether it was saved; else the form has the error."""
    try:
        save()
    except InvalidField as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
    except ConsoleError as error:
        form.add_error(None, error.message)
    else:
        return True
    return False


def _form(
    request: HttpRequest, form: forms.Form, title: str, back: str, delete: str = ""
) -> HttpResponse:
    context = {"form": form, "title": title, "cancel": reverse(back), "delete": delete}
    return render(
        request, "vhosts/alerts/scope_form.html", context, status=400 if form.errors else 200
    )
