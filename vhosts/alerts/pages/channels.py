"""The pages of channels: list, form, test, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accessctl.authorize import require
from accessctl.rights import Permission
from console.errors import ConsoleError, InvalidField
from vhosts.alerts.channels.kinds import KINDS
from vhosts.alerts.channels.model import ChannelKind
from vhosts.alerts.channels.registry import (
    ChannelSettings,
    add_channel,
    delete_channel,
    edit_channel,
    may_edit_channels,
    require_channels,
    test_channel,
)
from vhosts.alerts.pages.tabs import tabs
from vhosts.alerts.tables.choices import Severity
from vhosts.models import AlertChannel, AlertOwner, AlertRule

_TEXT = {"class": "form-control", "autocomplete": "off", "spellcheck": "false"}
_SELECT = {"class": "form-select"}
_CHECK = {"class": "form-check-input"}


class ChannelForm(forms.Form):
    """The form of a channel of one kind. The fields of the kind are named as in vhosts.alerts.channels.kinds."""

    use_required_attribute = False
    name = forms.CharField(max_length=100, widget=forms.TextInput(_TEXT), help_text="Such as the chat room or the team.", error_messages={"required": "Enter a name."})  # fmt: skip
    everything = forms.BooleanField(label="Gets", required=False, initial=True, widget=forms.CheckboxInput(_CHECK), help_text="Off: only the rules and owners selected below.")  # fmt: skip
    rules = forms.ModelMultipleChoiceField(AlertRule.objects.none(), required=False, widget=forms.SelectMultiple({**_SELECT, "size": 6}), help_text="Alerts of these rules.")  # fmt: skip
    owners = forms.ModelMultipleChoiceField(AlertOwner.objects.none(), required=False, widget=forms.SelectMultiple({**_SELECT, "size": 4}), help_text="Alerts of what these owners are responsible for.")  # fmt: skip
    least_severity = forms.ChoiceField(label="From severity", choices=Severity.choices, initial=Severity.INFO, widget=forms.Select(_SELECT), help_text="Less severe alerts aren't sent here.")  # fmt: skip
    sends_resolved = forms.BooleanField(label="Resolved", required=False, initial=True, widget=forms.CheckboxInput(_CHECK), help_text="A message when nothing fires any more.")  # fmt: skip
    link_acts = forms.BooleanField(
        label="Acknowledge link", required=False, widget=forms.CheckboxInput(_CHECK),
        help_text="Each message has a link that acknowledges its alerts. Off: people sign in first. On: whoever has the message can acknowledge.",
    )  # fmt: skip
    enabled = forms.BooleanField(label="Channel", required=False, initial=True, widget=forms.CheckboxInput(_CHECK), help_text="Off: messages wait for a day, then they are given up.")  # fmt: skip
    generation = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, kind: str, channel: AlertChannel | None = None, **kwargs: Any
    ) -> None:
        self.kind, self.channel = kind, channel
        if channel is not None:
            kwargs["initial"] = {
                **{name: getattr(channel, name) for name in ("name", "everything", "least_severity", "sends_resolved", "link_acts", "enabled", "generation")},
                "rules": channel.rules.all(),
                "owners": channel.owners.all(),
            }  # fmt: skip
        super().__init__(*args, **kwargs)
        self.fields["rules"].queryset = AlertRule.objects.all()  # type: ignore[attr-defined]
        self.fields["owners"].queryset = AlertOwner.objects.all()  # type: ignore[attr-defined]
        for field in KINDS[kind].fields:
            made: forms.Field
            if field.choices:
                made = forms.ChoiceField(
                    choices=list(field.choices.items()), widget=forms.Select(_SELECT)
                )
            else:
                widget = (
                    forms.PasswordInput({**_TEXT, "autocomplete": "new-password"})
                    if field.secret
                    else forms.TextInput(_TEXT)
                )
                made = forms.CharField(max_length=4000, widget=widget)
            made.label, made.help_text = field.label, field.help
            # The registry says what is required: a stored address stays where nothing is typed.
            made.required = False
            self.fields[field.name] = made

    @property
    def of_the_kind(self) -> list[tuple[forms.BoundField, bool]]:
        """Return the fields of the address, each with whether it is optional."""
        return [(self[field.name], not field.required) for field in KINDS[self.kind].fields]

    def settings(self) -> ChannelSettings:
        said = self.cleaned_data
        values: Mapping[str, str] = {
            field.name: said.get(field.name) or "" for field in KINDS[self.kind].fields
        }
        if self.channel is not None and not any(
            values[f.name] for f in KINDS[self.kind].fields if not f.choices
        ):
            values = {}
        return ChannelSettings(
            name=said["name"], kind=self.kind, values=values, enabled=said["enabled"],
            sends_resolved=said["sends_resolved"], link_acts=said["link_acts"], everything=said["everything"],
            least_severity=said["least_severity"], rules=tuple(said["rules"]), owners=tuple(said["owners"]),
        )  # fmt: skip


@require_safe
def channels(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.ALERTS_VIEW)
    context = {
        "now": timezone.now(),
        "channels": _all().prefetch_related("rules", "owners"),
        "kinds": ChannelKind.choices,
        "tabs": tabs(request.user),
        "may_edit": may_edit_channels(request.user),
    }
    return render(request, "vhosts/alerts/channels.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def channel_create(request: HttpRequest) -> HttpResponse:
    require_channels(request.user)
    kind = request.GET.get("kind", ChannelKind.EMAIL)
    if kind not in KINDS:
        raise Http404("No such kind of channel.")
    form = ChannelForm(request.POST or None, kind=kind)
    if request.method == "POST" and form.is_valid():
        try:
            made = add_channel(form.settings(), acting_user=request.user)
        except InvalidField as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        else:
            messages.success(
                request, f"Created: {made.name}. Send a test message to see that it works."
            )
            return redirect("alert_channels")
    return _form(request, form, None)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def channel_edit(request: HttpRequest, channel_id: int) -> HttpResponse:
    found = _one(request, channel_id)
    form = ChannelForm(request.POST or None, kind=found.kind, channel=found)
    if request.method == "POST" and form.is_valid():
        try:
            edit_channel(
                found,
                form.settings(),
                acting_user=request.user,
                expected_generation=form.cleaned_data["generation"],
            )
        except InvalidField as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        except ConsoleError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, f"Saved: {form.cleaned_data['name']}.")
            return redirect("alert_channels")
    return _form(request, form, found)


@require_http_methods(["GET", "HEAD", "POST"])
def channel_delete(request: HttpRequest, channel_id: int) -> HttpResponse:
    found = _one(request, channel_id)
    if request.method == "POST":
        delete_channel(found, acting_user=request.user)
        messages.success(request, f"Deleted: {found.name}.")
        return redirect("alert_channels")
    context = {
        "title": f"Delete the channel {found.name}?",
        "sentences": ["Messages that wait for it are given up. What was sent stays in the log."],
        "act": "Delete channel",
        "back": reverse("alert_channels"),
    }
    return render(request, "vhosts/alerts/confirm.html", context)


@require_POST
def channel_test(request: HttpRequest, channel_id: int) -> HttpResponse:
    """Send a test message now, and say how it went."""
    found = _one(request, channel_id)
    try:
        result = test_channel(found, acting_user=request.user)
    except ConsoleError as error:
        messages.error(request, error.message)
    else:
        if result.sent:
            messages.success(
                request,
                f"{found.name} took the test message in {result.took_ms / 1000:.1f} s. Check that it arrived.",
            )
        else:
            messages.error(request, f"{found.name} didn't take the test message. {result.why}")
    return redirect("alert_channels")


def _all() -> QuerySet[AlertChannel]:
    return AlertChannel.objects.defer("url_encrypted")


def _one(request: HttpRequest, channel_id: int) -> AlertChannel:
    require(request.user, Permission.ALERTS_VIEW)
    found = AlertChannel.objects.filter(pk=min(channel_id, 2**63 - 1)).first()
    if found is None:
        raise Http404("No such channel.")
    require_channels(request.user)
    return found


def _form(request: HttpRequest, form: ChannelForm, channel: AlertChannel | None) -> HttpResponse:
    context = {
        "form": form,
        "channel": channel,
        "kind": ChannelKind(form.kind),
        "kinds": ChannelKind.choices,
        "cancel": reverse("alert_channels"),
    }
    return render(
        request, "vhosts/alerts/channel_form.html", context, status=400 if form.errors else 200
    )
