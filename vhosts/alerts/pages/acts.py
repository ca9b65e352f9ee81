"""Acknowledge and snooze: one alert, or those selected in the list. And the page behind the link of a message."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accessctl.authorize import require
from accessctl.rights import Permission
from console.errors import InvalidField, NotThere
from console.faces.lists import read_list, read_scope
from console.faces.pages.words import counted
from vhosts.alerts.acting import acknowledge, snooze
from vhosts.alerts.notifications import ack
from vhosts.alerts.pages.incidents import INCIDENTS, OPEN, UNTAKEN, in_scope, visible_incidents
from vhosts.alerts.tables.choices import IncidentState
from vhosts.models import AlertChannel, AlertDelivery, AlertIncident

_SNOOZES = {
    "1": "1 hour",
    "4": "4 hours",
    "12": "12 hours",
    "24": "1 day",
    "72": "3 days",
    "168": "1 week",
}
#: The most alerts of one act: each is its own transaction with its audit entry.
_MOST = 500


class ActForm(forms.Form):
    use_required_attribute = False
    note = forms.CharField(
        required=False, max_length=2000, widget=forms.Textarea({"class": "form-control", "rows": 3}),
        help_text="What you found, or a ticket. Shown with the alert and stored in the audit log.",
    )  # fmt: skip
    hours = forms.ChoiceField(
        label="For", choices=list(_SNOOZES.items()), initial="4", required=False, widget=forms.Select({"class": "form-select"}),
        help_text="No message until then, unless it resolves before.",
    )  # fmt: skip


@require_http_methods(["POST"])
def alerts_acknowledge(request: HttpRequest) -> HttpResponse:
    return _act(request, "acknowledge")


@require_http_methods(["POST"])
def alerts_snooze(request: HttpRequest) -> HttpResponse:
    return _act(request, "snooze")


def _act(request: HttpRequest, act: str) -> HttpResponse:
    """The first POST comes from the list or an alert's page and asks for a note; the second, with `step`, acts."""
    require(request.user, Permission.ALERTS_ACKNOWLEDGE)
    chosen = _chosen(request)
    back = _back(request)
    ids = list(chosen.order_by("-id").values_list("pk", flat=True)[:_MOST])
    if not ids:
        messages.error(request, "None of the selected alerts is open and yours to acknowledge.")
        return redirect(back)
    form = ActForm(request.POST if request.POST.get("step") == "apply" else None)
    if form.is_bound and form.is_valid():
        now, note = timezone.now(), form.cleaned_data["note"].strip()
        try:
            if act == "snooze":
                until = now + timedelta(hours=int(form.cleaned_data["hours"] or 4))
                done = _each(ids, lambda one: snooze(one, until, request.user, now, note))
            else:
                done = _each(ids, lambda one: acknowledge(one, request.user, now, note))
        except InvalidField as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        else:
            word = "Snoozed" if act == "snooze" else "Acknowledged"
            messages.success(request, f"{word}: {counted(done, 'alert')}.")
            return redirect(back)
    context = {
        "form": form, "act": act, "ids": ",".join(map(str, ids)), "back": back, "number": len(ids),
        "shown": AlertIncident.objects.filter(pk__in=ids[:20]).select_related("broker"),
        "action": reverse(f"alerts_{act}"),
    }  # fmt: skip
    return render(request, "vhosts/alerts/act.html", context, status=400 if form.errors else 200)


def _each(ids: list[int], act: Callable[[int], object]) -> int:
    """Act on each alert. Return for how many it was possible: pending ones and those that resolved
    meanwhile don't count."""
    done = 0
    for one in ids:
        try:
            act(one)
        except NotThere:
            continue
        done += 1
    return done


def _link_of(channel: AlertChannel) -> AnonymousUser:
    """Return who acts where nobody is signed in."""
    person = AnonymousUser()
    person.username = f"link of {channel.name}"  # type: ignore[assignment]
    return person


def _chosen(request: HttpRequest) -> QuerySet[AlertIncident]:
    """Return the open incidents that were selected and that the user may acknowledge."""
    mine = visible_incidents(request.user, Permission.ALERTS_ACKNOWLEDGE).filter(OPEN)
    ids = _numbers(request.POST.getlist("ids"))
    if request.POST.get("all") != "yes":
        return mine.filter(pk__in=ids)
    scope, _ = read_scope(request)
    asked = read_list(INCIDENTS, request.GET)
    excluded = _numbers(request.POST.getlist("except"))
    matching = asked.filtered(in_scope(scope, request.user)).exclude(pk__in=excluded)
    return mine.filter(pk__in=matching.values("pk"))


def _numbers(values: list[str]) -> list[int]:
    """Return the IDs of fields, each with one or several separated by commas."""
    pieces = (piece for value in values for piece in value.split(","))
    return [int(one) for one in pieces if one.isascii() and one.isdecimal() and len(one) < 19][
        :_MOST
    ]


def _back(request: HttpRequest) -> str:
    asked = request.POST.get("back", "")
    if asked.startswith("/") and url_has_allowed_host_and_scheme(asked, allowed_hosts=None):
        return asked
    return reverse("alerts")


@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def alert_link(request: HttpRequest, token: str) -> HttpResponse:
    """Show what a link of a message acknowledges, with a button that does it."""
    delivery_id = ack.delivery_of(token)
    found = (
        AlertDelivery.objects.select_related("notification", "channel")
        .filter(pk=delivery_id or 0)
        .first()
    )
    if found is None or found.channel is None:
        return render(request, "vhosts/alerts/link.html", {"expired": True}, status=404)
    signed_in = request.user.is_authenticated
    if not signed_in and not found.channel.link_acts:
        return redirect_to_login(request.get_full_path())
    open_ = found.notification.incidents.filter(OPEN)
    if signed_in:
        open_ = open_.filter(
            pk__in=visible_incidents(request.user, Permission.ALERTS_ACKNOWLEDGE).values("pk")
        )
    done = None
    if request.method == "POST":
        now, person = timezone.now(), request.user if signed_in else _link_of(found.channel)
        untaken = open_.exclude(state=IncidentState.ACKNOWLEDGED).order_by("-id")
        ids = list(untaken.values_list("pk", flat=True)[:_MOST])
        done = _each(ids, lambda one: acknowledge(one, person, now))
    context = {
        "notification": found.notification,
        "channel": found.channel,
        "signed_in": signed_in,
        "done": done,
        "left": open_.filter(state__in=UNTAKEN).count(),
    }
    return render(request, "vhosts/alerts/link.html", context)
