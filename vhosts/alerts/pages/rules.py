"""The pages of alert rules: list, form with preview, switch, delete."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accessctl.authorize import AnyUser, may, require
from accessctl.rights import Permission
from console.errors import ConsoleError, InvalidField
from console.models import Broker, Environment
from vhosts.alerts.edit.checks import checked_rule
from vhosts.alerts.edit.rules import (
    FIELDS,
    create_rule,
    delete_rule,
    edit_rule,
    may_edit_rule,
    set_enabled,
)
from vhosts.alerts.pages.incidents import UNTAKEN, visible_incidents
from vhosts.alerts.pages.tabs import tabs
from vhosts.alerts.preview import preview
from vhosts.alerts.tables.choices import MessageType, Severity
from vhosts.alerts.types.declare import Parameter, RuleType
from vhosts.alerts.types.registry import TYPES
from vhosts.models import AlertRule

_TEXT = {"class": "form-control", "autocomplete": "off", "spellcheck": "false"}
_SELECT = {"class": "form-select"}
_CHECK = {"class": "form-check-input"}
_NUMBER = {**_TEXT, "step": "any"}
#: What another page may fill in of a new rule.
_GIVEN = ("name", "vhost_pattern", "queue_pattern", "threshold")


#: Begins the names of fields that are parameters of the type.
_PARAMETER = "parameter_"


def _field_of(parameter: Parameter, stored: Any) -> forms.Field:
    """Return the field of a parameter; `stored` None: the rule has its default."""
    default = parameter.default
    if isinstance(default, list):
        shown = ", ".join(stored or default)
        return forms.CharField(
            label=parameter.label, required=False, max_length=4000, initial=shown,
            widget=forms.TextInput(_TEXT), help_text="Separated by commas.",
        )  # fmt: skip
    return forms.FloatField(
        label=parameter.label, required=False, initial=default if stored is None else stored,
        widget=forms.NumberInput(_NUMBER), help_text=f"Empty: {default:,g}.",
    )  # fmt: skip


class RuleForm(forms.Form):
    """The form of a rule of one type. It only reads input; vhosts.alerts.edit has the rules."""

    use_required_attribute = False
    name = forms.CharField(max_length=200, widget=forms.TextInput(_TEXT), help_text="What a message begins with.", error_messages={"required": "Enter a name."})  # fmt: skip
    description = forms.CharField(required=False, widget=forms.Textarea({**_TEXT, "rows": 2}), help_text="What it means and what to do, for the one who is woken.")  # fmt: skip
    threshold = forms.FloatField(required=False, widget=forms.NumberInput(_NUMBER))
    clear_threshold = forms.FloatField(label="Resolves at", required=False, widget=forms.NumberInput(_NUMBER), help_text="Empty: at the threshold. Another value keeps it from flapping.")  # fmt: skip
    message_type = forms.ChoiceField(label="Messages", required=False, choices=MessageType.choices, widget=forms.Select(_SELECT), help_text="Which messages count.")  # fmt: skip
    for_s = forms.IntegerField(label="For", initial=60, required=False, widget=forms.NumberInput(_TEXT), help_text="How long it must hold before it fires. 0: at once.")  # fmt: skip
    keep_s = forms.IntegerField(label="Keep firing for", initial=0, required=False, widget=forms.NumberInput(_TEXT), help_text="How long it must be over before it resolves.")  # fmt: skip
    reminder_s = forms.IntegerField(label="Remind every", initial=0, required=False, widget=forms.NumberInput(_TEXT), help_text="Until somebody acknowledges. 0: never.")  # fmt: skip
    severity = forms.ChoiceField(choices=Severity.choices, initial=Severity.WARNING, widget=forms.Select(_SELECT), help_text="Channels choose from which severity on they get messages.")  # fmt: skip
    environment = forms.ChoiceField(required=False, choices=[("", "All environments"), *Environment.choices], widget=forms.Select(_SELECT), help_text="Only brokers of this environment.")  # fmt: skip
    brokers = forms.ModelMultipleChoiceField(Broker.objects.none(), required=False, widget=forms.SelectMultiple({**_SELECT, "size": 5}), help_text="None selected: all of the environment, also later ones.")  # fmt: skip
    vhost_pattern = forms.CharField(label="Virtual hosts", required=False, strip=False, initial="*", widget=forms.TextInput(_TEXT), help_text="* matches any characters.")  # fmt: skip
    queue_pattern = forms.CharField(label="Names", required=False, strip=False, initial="*", widget=forms.TextInput(_TEXT), help_text="Of queues or exchanges. * matches any characters.")  # fmt: skip
    enabled = forms.BooleanField(label="Rule", required=False, widget=forms.CheckboxInput(_CHECK), help_text="Off: it isn’t evaluated, and its open alerts end.")  # fmt: skip
    generation = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        *args: Any,
        kind: RuleType,
        user: AnyUser,
        rule: AlertRule | None = None,
        given: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        self.kind, self.rule = kind, rule
        if given:
            kwargs["initial"] = given
        if rule is not None:
            kwargs["initial"] = {
                **{name: getattr(rule, name) for name in FIELDS},
                "brokers": rule.brokers.all(),
                "generation": rule.generation,
            }
        super().__init__(*args, **kwargs)
        for one in kind.parameters:
            stored = rule.parameters.get(one.name) if rule is not None else None
            self.fields[f"{_PARAMETER}{one.name}"] = _field_of(one, stored)
        self.fields["brokers"].queryset = Broker.objects.visible_to(user)  # type: ignore[attr-defined]
        self.fields[
            "threshold"
        ].help_text = f"{kind.measures}: fires {'below' if kind.below else 'above'} this."
        gone = {
            name
            for name in ("vhost_pattern", "queue_pattern", "message_type")
            if name not in kind.uses
        }
        if not kind.threshold:
            gone |= {"threshold", "clear_threshold"}
        for name in gone:
            del self.fields[name]

    def values(self) -> dict[str, Any]:
        """Return the fields as vhosts.alerts.edit takes them. An empty parameter has its default."""
        said = {
            name: value
            for name, value in self.cleaned_data.items()
            if name not in ("brokers", "generation") and not name.startswith(_PARAMETER)
        }
        seconds = {name: said.get(name) or 0 for name in ("for_s", "keep_s", "reminder_s")}
        parameters = {}
        for one in self.kind.parameters:
            value = self.cleaned_data.get(f"{_PARAMETER}{one.name}")
            if isinstance(one.default, list):
                value = [word for word in re.split(r"[,\s]+", value or "") if word] or None
            if value is not None:
                parameters[one.name] = value
        return {**said, **seconds, "parameters": parameters, "type": self.kind.key}

    @property
    def of_the_type(self) -> list[tuple[forms.BoundField, str]]:
        """Return the fields of the type's parameters, each with its unit."""
        return [(self[f"{_PARAMETER}{one.name}"], one.unit) for one in self.kind.parameters]

    def refuse(self, error: InvalidField) -> None:
        self.add_error(error.field if error.field in self.fields else None, error.message)


@require_safe
def rules(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.ALERTS_VIEW)
    open_ = visible_incidents(request.user).filter(resolved_at=None, state__in=UNTAKEN)
    firing = dict(open_.order_by().values_list("rule").annotate(Count("pk")))
    rows = AlertRule.objects.annotate(channels_own=Count("channels")).prefetch_related("brokers")
    on = request.GET.get("show", "")
    context = {
        "now": timezone.now(),
        "rules": [
            (rule, TYPES.get(rule.type), firing.get(rule.pk, 0), may_edit_rule(request.user, rule))
            for rule in rows.filter(Q(enabled=on == "on") if on in ("on", "off") else Q()).order_by("-enabled", "name")
        ],
        "show": on,
        "kinds": sorted(TYPES.values(), key=lambda kind: kind.label),
        "tabs": tabs(request.user),
        "may_edit": may(request.user, Permission.ALERTS_EDIT),
    }  # fmt: skip
    return render(request, "vhosts/alerts/rules.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def rule_create(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.ALERTS_EDIT)
    kind = TYPES.get(request.GET.get("type", "queue_messages"))
    if kind is None:
        raise Http404("No such type of rule.")
    given = {name: request.GET[name][:255] for name in _GIVEN if request.GET.get(name)}
    form = RuleForm(request.POST or None, kind=kind, user=request.user, given=given)
    if request.method == "POST" and form.is_valid() and request.POST.get("step") != "preview":
        try:
            made = create_rule(form.values(), list(form.cleaned_data["brokers"]), request.user)
        except InvalidField as error:
            form.refuse(error)
        except ConsoleError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, f"Created: {made.name}.")
            return redirect("alert_rules")
    return _form(request, form)


@require_http_methods(["GET", "HEAD", "POST"])
def rule_edit(request: HttpRequest, rule_id: int) -> HttpResponse:
    rule = _one(request, rule_id)
    if not may_edit_rule(request.user, rule):
        require(request.user, Permission.ALERTS_EDIT, None)
    kind = TYPES.get(rule.type)
    if kind is None:
        raise Http404("This version of the console doesn't know the type of the rule.")
    form = RuleForm(request.POST or None, kind=kind, user=request.user, rule=rule)
    if request.method == "POST" and form.is_valid() and request.POST.get("step") != "preview":
        chosen = list(form.cleaned_data["brokers"])
        try:
            edit_rule(
                rule.pk,
                form.values(),
                chosen,
                request.user,
                timezone.now(),
                generation=form.cleaned_data["generation"],
            )
        except InvalidField as error:
            form.refuse(error)
        except ConsoleError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, f"Saved: {form.cleaned_data['name']}.")
            return redirect("alert_rules")
    return _form(request, form)


@require_POST
def rule_switch(request: HttpRequest, rule_id: int) -> HttpResponse:
    """Switch the rule on (`enabled` 1) or off."""
    rule = _one(request, rule_id)
    enabled = request.POST.get("enabled") == "1"
    try:
        set_enabled(rule.pk, enabled, request.user, timezone.now())
    except ConsoleError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"{'Switched on' if enabled else 'Switched off'}: {rule.name}.")
    return redirect("alert_rules")


@require_http_methods(["GET", "HEAD", "POST"])
def rule_delete(request: HttpRequest, rule_id: int) -> HttpResponse:
    rule = _one(request, rule_id)
    if request.method == "POST":
        try:
            delete_rule(rule.pk, request.user, timezone.now())
        except ConsoleError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, f"Deleted: {rule.name}.")
        return redirect("alert_rules")
    context = {
        "title": f"Delete the rule {rule.name}?",
        "sentences": ["Its open alerts end. What it found stays in the history."],
        "act": "Delete rule",
        "back": reverse("alert_rules"),
    }
    return render(request, "vhosts/alerts/confirm.html", context)


def _one(request: HttpRequest, rule_id: int) -> AlertRule:
    require(request.user, Permission.ALERTS_EDIT)
    found = AlertRule.objects.prefetch_related("brokers").filter(pk=min(rule_id, 2**63 - 1)).first()
    if found is None:
        raise Http404("No such rule.")
    return found


def _form(request: HttpRequest, form: RuleForm) -> HttpResponse:
    """Show the form, with what the rule would have done where a preview is asked for."""
    shown = None
    if request.POST.get("step") == "preview" and form.is_valid():
        try:
            columns = checked_rule(form.values())
        except InvalidField as error:
            form.refuse(error)
        else:
            rule = AlertRule(**columns)
            shown = preview(rule, list(form.cleaned_data["brokers"]), request.user, timezone.now())
    context = {
        "form": form,
        "rule": form.rule,
        "kind": form.kind,
        "preview": shown,
        "cancel": reverse("alert_rules"),
    }
    return render(
        request, "vhosts/alerts/rule_form.html", context, status=400 if form.errors else 200
    )
