"""The pages of masking rules: list, form, delete."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accessctl import globs
from accessctl.access.views import tabs
from accessctl.authorize import AnyUser, may, require
from accessctl.grants.roles import Role
from accessctl.rights import Permission
from console.errors import InvalidField, NotAllowed
from console.models import Broker
from vhosts.messages.masking.service import (
    MOST_RULES,
    RuleSettings,
    add_rule,
    change_rule,
    delete_rule,
    seen_by,
    why_not,
)
from vhosts.models import MaskingRule

_TEXT = {"class": "form-control", "autocomplete": "off", "spellcheck": "false"}
_SELECT = {"class": "form-select"}


class RuleForm(forms.Form):
    """Reads input; the rules are in the service."""

    use_required_attribute = False
    subject = forms.ChoiceField(
        label="Hide", choices=MaskingRule.Subject.choices, widget=forms.Select(_SELECT),
        help_text="In a part of the body, only bodies that can be read as JSON are shown.",
    )  # fmt: skip
    target = forms.CharField(
        label="Header name or JSON path", max_length=500, widget=forms.TextInput(_TEXT),
        help_text="A header such as x-customer-* (* matches any characters), or a path such as "
        "$.card.number, $..iban or $ for the whole body. Case doesn't matter.",
        error_messages={"required": "Enter a header name or a JSON path."},
    )  # fmt: skip
    action = forms.ChoiceField(
        choices=MaskingRule.Action.choices, initial=MaskingRule.Action.MASK,
        widget=forms.Select(_SELECT),
        help_text="Remove leaves it out. Mask shows *** instead. Replace shows your text.",
    )  # fmt: skip
    replacement = forms.CharField(
        required=False, strip=False, max_length=200, widget=forms.TextInput(_TEXT),
        help_text="Only if you replace.",
    )  # fmt: skip
    broker = forms.ModelChoiceField(
        Broker.objects.none(), required=False, empty_label="All brokers",
        widget=forms.Select(_SELECT),
    )  # fmt: skip
    vhost_pattern = forms.CharField(
        label="Virtual hosts", required=False, strip=False, initial=globs.EVERYTHING,
        max_length=255, widget=forms.TextInput(_TEXT), help_text="* matches any characters.",
    )  # fmt: skip
    roles = forms.MultipleChoiceField(
        label="For readers with the role", required=False,
        choices=[(role.value, role.label) for role in Role],
        widget=forms.SelectMultiple({**_SELECT, "size": len(Role)}),
        help_text="None selected: everybody, superusers too. A further role never lifts a rule.",
    )  # fmt: skip
    reason = forms.CharField(required=False, max_length=500, widget=forms.TextInput(_TEXT))

    def __init__(self, *args: Any, user: AnyUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["broker"].queryset = Broker.objects.visible_to(user)  # type: ignore[attr-defined]

    def settings(self) -> RuleSettings:
        """Return what was entered in a valid form."""
        given = dict(self.cleaned_data)
        given["vhost_pattern"] = given["vhost_pattern"] or globs.EVERYTHING
        given["roles"] = tuple(given["roles"])
        return RuleSettings(**given)


@require_safe
def rules(request: HttpRequest) -> HttpResponse:
    """Show the rules on the brokers on which the person sees grants."""
    require(request.user, Permission.GRANTS_VIEW)
    context = {
        **tabs(request),
        "now": timezone.now(),
        "rules": [
            (rule, why_not(request.user, rule)) for rule in seen_by(request.user)[:MOST_RULES]
        ],
        "may_add": may(request.user, Permission.GRANTS_EDIT),
        "role_labels": {role.value: role.label for role in Role},
    }
    return render(request, "vhosts/messages/masking.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def rule_new(request: HttpRequest) -> HttpResponse:
    """Show the form of a new rule; POST adds it."""
    require(request.user, Permission.GRANTS_EDIT)
    form = RuleForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            rule = add_rule(form.settings(), now=timezone.now(), acting_user=request.user)
        except (InvalidField, NotAllowed) as refused:
            _refuse(form, refused)
        else:
            messages.success(request, f"Masking rule for {rule.target} created.")
            return redirect("masking")
    return _form(request, form, "Create masking rule")


@require_http_methods(["GET", "HEAD", "POST"])
def rule_edit(request: HttpRequest, rule_id: int) -> HttpResponse:
    """Show the form of a rule; POST changes it."""
    rule = _rule(request, rule_id)
    initial = {
        "subject": rule.subject, "target": rule.target, "action": rule.action, "roles": rule.roles,
        "replacement": rule.replacement, "broker": rule.broker_id, "reason": rule.reason,
        "vhost_pattern": rule.vhost_pattern,
    }  # fmt: skip
    form = RuleForm(request.POST or None, user=request.user, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            change_rule(rule.pk, form.settings(), acting_user=request.user)
        except (InvalidField, NotAllowed) as refused:
            _refuse(form, refused)
        else:
            messages.success(request, "Masking rule saved.")
            return redirect("masking")
    return _form(request, form, "Edit masking rule", rule)


@require_http_methods(["GET", "HEAD", "POST"])
def rule_delete(request: HttpRequest, rule_id: int) -> HttpResponse:
    """Ask before a rule is deleted; POST deletes it."""
    rule = _rule(request, rule_id)
    if request.method == "POST":
        delete_rule(rule.pk, acting_user=request.user)
        messages.success(request, f"Masking rule for {rule.target} deleted.")
        return redirect("masking")
    context = {
        "title": "Delete masking rule",
        "sentences": [
            f"Readers to whom the rule for {rule.target} applies see what it hides from now on.",
            "Messages that were shown before don't change.",
        ],
        "act": "Delete rule",
        "back": reverse("masking"),
    }
    return render(request, "vhosts/alerts/confirm.html", context)


def _rule(request: HttpRequest, rule_id: int) -> MaskingRule:
    """Return a rule that the person may change. Raises Http404, NotAllowed."""
    require(request.user, Permission.GRANTS_EDIT)
    rule = seen_by(request.user).filter(pk=min(rule_id, 2**63 - 1)).first()
    if rule is None:
        raise Http404("Masking rule not found.")
    if reason := why_not(request.user, rule):
        raise NotAllowed(reason, {"permission": str(Permission.GRANTS_EDIT)})
    return rule


def _refuse(form: RuleForm, refused: InvalidField | NotAllowed) -> None:
    field = getattr(refused, "field", None)
    form.add_error(field if field in form.fields else None, refused.message)


def _form(
    request: HttpRequest, form: RuleForm, title: str, rule: MaskingRule | None = None
) -> HttpResponse:
    context = {"form": form, "title": title, "rule": rule, "now": timezone.now()}
    status = 422 if form.errors else 200
    return render(request, "vhosts/messages/masking_form.html", context, status=status)


masking_routes: list[URLPattern] = [
    path("access/masking/", rules, name="masking"),
    path("access/masking/new/", rule_new, name="masking_new"),
    path("access/masking/<int:rule_id>/", rule_edit, name="masking_edit"),
    path("access/masking/<int:rule_id>/delete/", rule_delete, name="masking_delete"),
]
