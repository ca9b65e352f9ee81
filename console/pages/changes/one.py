"""One change: its steps, and the operations on it: stop, retry, confirm."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accessctl.authorize import AnyUser
from accessctl.visibility.changes import changes_seen_by, may_stop, steps_seen_by
from console.engine.proposals.retry import CONFIRMED, RETRIED, ask_again, stop_change
from console.errors import ConsoleError, NotAllowed
from console.faces.lists import (
    Column,
    Filter,
    ListSpec,
    equals,
    list_response,
    read_list,
)
from console.faces.pages.refreshed import refreshed
from console.faces.seen import seen_objects
from console.kinds.registry import KINDS
from console.models import (
    Change,
    StepState,
)
from console.pages.changes.rows import counts_of, may_be_there, source_of, step_rows, strip_of

STEPS = ListSpec(
    name="steps",
    default_sort="ordinal",
    tiebreak=("ordinal", "id"),
    columns=[
        Column(key="ordinal", label="Step", order=["ordinal"], value=lambda s: s.ordinal, align="end"),
        Column(key="object", label="Object", value=lambda s: f"{s.target.kind} {' / '.join(s.target.key)}"),
        Column(key="op", label="Operation", order=["op"], value=lambda s: s.op),
        Column(key="fields", label="Changes"),
        Column(key="state", label="State", order=["state"], value=lambda s: s.state),
        Column(key="said", label="Broker’s reply", value=lambda s: s.error_detail),
        Column(key="at", label="Since", order=["finished_at"], value=lambda s: s.finished_at),
    ],
    filters=[
        Filter(key="state", label="State", kind="choice", choices=dict(StepState.choices), where=equals("state")),
        Filter(key="kind", label="Kind", kind="choice", where=equals("target__kind"),
               choices={k: KINDS[k].noun.capitalize() for k in KINDS}),
    ],
)  # fmt: skip


@require_safe
@refreshed("inventory", personal=True)
def change(request: HttpRequest, change_id: UUID) -> HttpResponse:
    found = access_change(request.user, change_id)
    now = timezone.now()
    asked = read_list(STEPS, request.GET)
    steps = found.steps.filter(steps_seen_by(request.user))
    listing = asked.show(steps.select_related("target", "broker__status").prefetch_related("tries"))
    strip = strip_of(found, request.user)
    states = counts_of(found)
    seen = changes_seen_by(request.user)
    return list_response(
        request,
        "console/change.html",
        "console/_change.html",
        {
            "now": now,
            "change": found,
            "strip": strip,
            "origin": source_of(found),
            "listing": listing,
            "step_rows": step_rows(found, list(listing.rows), request.user),
            "hidden": strip.total - listing.total,
            "states": [(state, number) for state, number in states.items() if number],
            "may_stop": strip.is_open and found.stop_requested_at is None and may_stop(request.user, found),
            "retried": sum(states.get(state, 0) for state in RETRIED) and not strip.is_open,
            "revertible": not strip.is_open and bool(states.get(StepState.APPLIED)),
            "reverts": list(seen.filter(reverted_by=found)),
            "reverted_by": list(seen.filter(reverts=found)),
            "confirmed": states.get(StepState.NEEDS_CONFIRMATION, 0),
        },
        list(asked.problems),
    )  # fmt: skip


@require_safe
@refreshed("inventory", personal=True)
def change_strip(request: HttpRequest, change_id: UUID) -> HttpResponse:
    found = access_change(request.user, change_id)
    context = {"strip": strip_of(found, request.user), "now": timezone.now()}
    return render(request, "console/_change_strip.html", context)


@require_POST
def change_stop(request: HttpRequest, change_id: UUID) -> HttpResponse:
    found = access_change(request.user, change_id)
    if not may_stop(request.user, found):
        raise NotAllowed("You don’t have permission to stop this change. It requires changes:stop.")
    stop_change(found, now=timezone.now(), acting_user=cast(User, request.user))
    unsure = found.steps.filter(state=StepState.VERIFYING).count()
    messages.info(request, f"Change stopped. {may_be_there(unsure)}".strip())
    return redirect("change", change_id)


@require_POST
def change_retry(request: HttpRequest, change_id: UUID) -> HttpResponse:
    return _again(request, change_id, RETRIED)


@require_POST
def change_confirm(request: HttpRequest, change_id: UUID) -> HttpResponse:
    return _again(request, change_id, CONFIRMED)


def _again(request: HttpRequest, change_id: UUID, states: tuple[StepState, ...]) -> HttpResponse:
    found = access_change(request.user, change_id)
    try:
        new = ask_again(
            found,
            states,
            seen=seen_objects,
            origin="page",
            now=timezone.now(),
            acting_user=cast(User, request.user),
        )
    except ConsoleError as error:
        messages.error(request, error.message)
        return redirect("change", change_id)
    return redirect("change", new.pk)


def access_change(user: AnyUser, change_id: UUID) -> Change:
    """Return the change. Raises Http404 if the user can't see any part of it."""
    found = changes_seen_by(user).filter(pk=change_id).select_related("author").first()
    if found is None:
        raise Http404("No such change.")
    return found
