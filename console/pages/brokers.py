"""Pages of one broker: view, add, edit, enable or disable, test."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accessctl.authorize import AnyUser, access_broker, may, require
from accessctl.rights import Permission
from console.brokers.broker_settings import SECRETS, BrokerSettings
from console.brokers.probing import probe_broker, probe_edited, probe_settings
from console.brokers.registry import add_broker, edit_broker
from console.errors import ConsoleError, InvalidField, Stale
from console.faces.lists import wants_part
from console.faces.pages.refreshed import refreshed
from console.models import Broker
from console.pages.broker_form import BrokerForm
from console.pages.fleet import fleet_row
from console.scope import Scope
from vhosts.alerts.pages.incidents import last_alerts
from vhosts.history.ranges import RANGES, read_range
from vhosts.history.read_broker import broker_series
from vhosts.models import Poll

_SHOWN_POLLS = 8


@require_safe
@refreshed("polls")
def broker(request: HttpRequest, broker_id: int) -> HttpResponse:
    """Show what the last polls read from a broker. Refreshes in place."""
    now = timezone.now()
    found = access_broker(request.user, broker_id, Permission.BROKERS_VIEW)
    problems: list[InvalidField] = []
    try:
        shown = read_range(request.GET, now=now)
    except InvalidField as error:
        problems.append(error)
        shown = read_range({}, now=now)
    context = {
        "now": now,
        "scope": Scope.at(found),
        "broker": found,
        "row": fleet_row(found, now),
        "way": _way(found),
        "part_notes": _part_notes(request.user, found),
        "polls": Poll.objects.filter(broker=found)[:_SHOWN_POLLS],
        "may": {str(one).partition(":")[2] for one in _acts() if may(request.user, one, found)},
        "range": shown,
        "ranges": [(key, label, key == shown.name) for key, (label, _) in RANGES.items()],
        **({} if wants_part(request) else last_alerts(request.user, found)),
        "command": f"curl -u {found.username} {found.management_url}/api/overview",
        "problems": problems,
    }
    template = "console/_broker.html" if wants_part(request) else "console/broker.html"
    return render(request, template, context, status=400 if problems else 200)


def _way(broker: Broker) -> dict[str, Any]:
    """Return whether another than the first URL is in use, and the URLs that don't answer."""
    status = broker.status
    return {
        "other": bool(broker.other_urls) and status.answered_url in broker.other_urls.splitlines(),
        "off": [
            {**entry, "url": url, "since": datetime.fromisoformat(entry["since"])}
            for url, entry in status.urls_off.items()
            if url in broker.management_urls and entry.get("code")
        ]
        if broker.other_urls
        else [],
    }


def _part_notes(user: AnyUser, broker: Broker) -> list[tuple[str, str, str]]:
    """Return (part, error, names of the objects left out of it). The names are only for people who
    can see all objects of the broker."""
    status = broker.status
    sees_all = may(user, Permission.QUEUES_VIEW, broker) and may(
        user, Permission.USERS_VIEW, broker
    )
    left_out = status.left_out if sees_all else {}
    return [
        (part, sentence, ", ".join(left_out.get(part, [])))
        for part, sentence in status.part_errors.items()
    ]


def _acts() -> list[Permission]:
    return [Permission.BROKERS_EDIT, Permission.BROKERS_FORGET, Permission.BROKERS_TEST]


@require_safe
def broker_history(request: HttpRequest, broker_id: int) -> JsonResponse:
    """Return the charts' data by column: `at` in Unix seconds; null if unknown."""
    now = timezone.now()
    found = access_broker(request.user, broker_id, Permission.BROKERS_VIEW)
    try:
        shown = read_range(request.GET, now=now)
        read = broker_series(found, start=shown.start, end=shown.end, now=now)
    except InvalidField as error:
        return JsonResponse({"field": error.field, "message": error.message}, status=400)
    columns: dict[str, Any] = {
        name: [getattr(point, column) for point in read.points]
        for name, column in (
            ("ready", "ready"),
            ("unacked", "unacked"),
            ("publish", "publish_rate"),
            ("deliver", "deliver_rate"),
        )
    }
    return JsonResponse({
        "from": int(shown.start.timestamp()),
        "to": int(shown.end.timestamp()),
        "at": [int(point.at.timestamp()) for point in read.points],
        **columns,
    })  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("password", "tls_ca_pem", "tls_client_key")
def broker_add(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.BROKERS_ADD)
    if request.method != "POST":
        return _form_page(request, BrokerForm())
    form = BrokerForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            added = add_broker(
                form.settings(),
                now=timezone.now(),
                acting_user=request.user,
                allow_duplicate=form.cleaned_data["allow_duplicate"],
            )
        except InvalidField as error:
            form.refuse(error)
        else:
            messages.success(request, f"Broker {added.name} added. Its first poll starts now.")
            return redirect("broker", added.pk)
    return _form_page(request, form)


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("password", "tls_ca_pem", "tls_client_key")
def broker_edit(request: HttpRequest, broker_id: int) -> HttpResponse:
    found = access_broker(request.user, broker_id, Permission.BROKERS_EDIT)
    if request.method != "POST":
        return _form_page(request, BrokerForm(broker=found), found)
    form = BrokerForm(request.POST, request.FILES, broker=found)
    if form.is_valid():
        try:
            edited = edit_broker(
                found,
                form.settings(),
                now=timezone.now(),
                acting_user=request.user,
                expected_generation=form.cleaned_data["generation"],
            )
        except InvalidField as error:
            form.refuse(error)
        except Stale as error:
            form.add_error(None, error.message)
        else:
            _tell_edited(request, found, edited)
            return redirect("broker", edited.pk)
    return _form_page(request, form, found)


def _tell_edited(request: HttpRequest, before: Broker, after: Broker) -> None:
    if before.has_password and not after.has_password:
        messages.warning(
            request,
            f"Broker {after.name} saved. Its stored password was cleared, because the connection may "
            "lead to another server now. Edit the broker and enter the password.",
        )
    elif before.generation == after.generation:
        messages.info(request, "No changes to save.")
    else:
        messages.success(request, f"Broker {after.name} saved.")


def _form_page(request: HttpRequest, form: BrokerForm, found: Broker | None = None) -> HttpResponse:
    form.invalid_fields()
    context = {
        "form": form,
        "broker": found,
        **({"scope": Scope.at(found)} if found else {}),
        "secrets_lost": form.is_bound and any(form.data.get(name) for name in SECRETS),
    }
    status = 400 if form.is_bound and form.errors else 200
    return render(request, "console/broker_form.html", context, status=status)


@require_POST
@sensitive_post_parameters("password", "tls_ca_pem", "tls_client_key")
def broker_check(request: HttpRequest, broker_id: int | None = None) -> HttpResponse:
    """Check one field (`?field=`) of the form while it is filled in."""
    found = _access_for_form(request, broker_id)
    form = BrokerForm(request.POST, request.FILES, broker=found)
    name = request.GET.get("field", "")
    errors = list(form.errors.get(name, ())) if name in form.fields else []
    return render(request, "console/_field_errors.html", {"errors": errors})


@require_POST
@sensitive_post_parameters("password", "tls_ca_pem", "tls_client_key")
def broker_test(request: HttpRequest, broker_id: int | None = None) -> HttpResponse:
    """Test the connection with the values in the form, or, without a form, with the stored ones."""
    typed = "management_url" in request.POST
    # A typed address can lead anywhere, so it requires the right to edit the broker.
    needed = Permission.BROKERS_EDIT if typed else Permission.BROKERS_TEST
    found = _access_for_form(request, broker_id, needed)
    context: dict[str, Any] = {"steps": [], "refusals": []}
    try:
        if found is not None and not typed:
            context["steps"] = probe_broker(found, request.user)
        else:
            form = BrokerForm(request.POST, request.FILES, broker=found, testing=True)
            if form.is_valid():
                settings = form.settings()
                context["steps"] = (
                    probe_edited(found, settings, request.user)
                    if found
                    else probe_settings(settings, request.user)
                )
            else:
                context["refusals"] = [
                    (
                        form.fields[name].label or name.capitalize() if name in form.fields else "",
                        error,
                    )
                    for name, errors in form.errors.items()
                    for error in errors
                ]
    except ConsoleError as error:
        context["refusals"] = [("", error.message)]
    context["failed"] = any(step.outcome == "failed" for step in context["steps"])
    context["warned"] = any(step.outcome == "warning" for step in context["steps"])
    return render(request, "console/_probe.html", context)


def _access_for_form(
    request: HttpRequest, broker_id: int | None, permission: Permission = Permission.BROKERS_EDIT
) -> Broker | None:
    if broker_id is None:
        require(request.user, Permission.BROKERS_ADD)
        return None
    return access_broker(request.user, broker_id, permission)


@require_POST
def broker_switch(request: HttpRequest, broker_id: int) -> HttpResponse:
    """Enable (`enabled=1`) or disable polling."""
    found = access_broker(request.user, broker_id, Permission.BROKERS_EDIT)
    enabled = request.POST.get("enabled") == "1"
    settings = replace(BrokerSettings.of(found), enabled=enabled)
    try:
        edit_broker(found, settings, now=timezone.now(), acting_user=request.user)
    except InvalidField as error:
        messages.error(request, f"{error.message} Edit the broker to fix this first.")
    else:
        messages.success(
            request, f"Polling of {found.name} {'enabled' if enabled else 'disabled'}."
        )
    return redirect("broker", found.pk)
