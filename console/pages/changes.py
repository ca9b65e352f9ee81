"""Changes: what was asked of brokers, by whom, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accessctl.authorize import AnyUser, require
from accessctl.rights import Permission
from accessctl.visibility.changes import blockers_seen_by, changes_seen_by, may_stop, steps_seen_by
from console.engine.proposals.commands import step_commands
from console.engine.proposals.preview import FieldLine, WaitsFor
from console.engine.proposals.retry import CONFIRMED, RETRIED, ask_again, stop_change
from console.errors import ConsoleError, NotAllowed
from console.faces.face import FACES
from console.faces.lists import (
    Column,
    Filter,
    ListSpec,
    contains,
    csv_response,
    equals,
    list_response,
    read_list,
    read_scope,
)
from console.faces.seen import ids_of, seen_objects
from console.kinds.common.kind import Key, Op, Ref
from console.kinds.registry import KINDS, parts_of
from console.models import (
    Broker,
    Change,
    ChangeState,
    Step,
    StepState,
)
from console.pages.change_strip import counts_of, may_be_there, strip_of
from console.scope import Scope

_ORIGINS = {"page": "Page", "api": "API", "admin": "Administration", "command": "Command"}
_BY_WAY_OF = {
    "page": "a page",
    "api": "the API",
    "admin": "the administration",
    "command": "a command",
}
CHANGES = ListSpec(
    name="changes",
    default_sort="-at",
    tiebreak=("-created_at", "id"),
    columns=[
        Column(key="title", label="Change", order=["title"], value=lambda c: c.title),
        Column(key="state", label="State", order=["state"], value=lambda c: c.get_state_display()),
        Column(key="progress", label="Verified", value=lambda c: f"{c.steps_done} of {c.steps_all}",
               help="Steps verified on the broker."),
        Column(key="brokers", label="Broker"),
        Column(key="author", label="By", order=["author_name"], value=lambda c: c.author_name),
        Column(key="at", label="Requested", order=["created_at"], value=lambda c: c.created_at, descending_first=True),
        Column(key="finished", label="Finished", order=["finished_at"], value=lambda c: c.finished_at,
               descending_first=True, shown=False),
        Column(key="origin", label="Source", order=["origin"], value=lambda c: c.origin, shown=False),
        Column(key="reason", label="Reason", value=lambda c: c.reason),
        Column(key="id", label="ID", value=lambda c: str(c.pk), shown=False),
    ],
    filters=[
        Filter(key="search", label="Title or reason", where=contains("title", "reason")),
        Filter(key="state", label="State", kind="choice", choices=dict(ChangeState.choices), where=equals("state")),
        Filter(key="author", label="By", where=equals("author_name")),
        Filter(key="origin", label="Source", kind="choice", choices=_ORIGINS, where=equals("origin")),
    ],
)  # fmt: skip
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
def changes(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.CHANGES_VIEW)
    scope, problems = read_scope(request)
    asked = read_list(_spec_for(request.user), request.GET)
    found = _in_scope(request.user, scope)
    listing = asked.show(found.none() if problems else found)
    return list_response(
        request,
        "console/changes.html",
        "console/_changes.html",
        {
            "now": timezone.now(),
            "scope": scope,
            "listing": listing,
            "change_rows": change_rows(listing.rows, request.user),
            "scope_problems": problems,
        },
        [*problems, *asked.problems],
    )


@require_safe
def changes_csv(request: HttpRequest) -> HttpResponseBase:
    require(request.user, Permission.CHANGES_VIEW)
    scope, problems = read_scope(request)
    asked = read_list(_spec_for(request.user), request.GET)
    found = _in_scope(request.user, scope).annotate(
        steps_all=Count("steps"), steps_done=Count("steps", filter=Q(steps__state="applied"))
    )
    return csv_response(asked, found, [*problems, *asked.problems])


@require_safe
def change(request: HttpRequest, change_id: UUID) -> HttpResponse:
    found = access_change(request.user, change_id)
    now = timezone.now()
    asked = read_list(STEPS, request.GET)
    steps = found.steps.filter(steps_seen_by(request.user))
    listing = asked.show(steps.select_related("target", "broker").prefetch_related("tries"))
    strip = strip_of(found, request.user)
    states = counts_of(found)
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
            "step_rows": _step_rows(found, list(listing.rows), request.user),
            "hidden": strip.total - listing.total,
            "states": [(state, number) for state, number in states.items() if number],
            "may_stop": strip.is_open and found.stop_requested_at is None and may_stop(request.user, found),
            "retried": sum(states.get(state, 0) for state in RETRIED) and not strip.is_open,
            "confirmed": states.get(StepState.NEEDS_CONFIRMATION, 0),
        },
        list(asked.problems),
    )  # fmt: skip


@require_safe
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
    """Raises Http404 where the user sees no part of it."""
    found = changes_seen_by(user).filter(pk=change_id).select_related("author").first()
    if found is None:
        raise Http404("No such change.")
    return found


def _spec_for(user: AnyUser) -> ListSpec:
    mine = Filter(key="mine", label="Mine", kind="flag", where=lambda _: Q(author=user.pk))
    return replace(CHANGES, filters=[*CHANGES.filters, mine])


def _in_scope(user: AnyUser, scope: Scope) -> QuerySet[Change]:
    found = changes_seen_by(user)
    if scope.broker is not None or scope.environment is not None:
        touching = Step.objects.filter(change=OuterRef("pk"), broker__in=scope.brokers(user))
        found = found.filter(Exists(touching))
    return found


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """`brokers`: names, of those that it touches and that the viewer sees."""

    change: Change
    done: int
    total: int
    rejected: int
    brokers: list[str]

    @property
    def source(self) -> str:
        return source_of(self.change)


def source_of(change: Change) -> str:
    """Where the change was requested, in words."""
    return _ORIGINS.get(change.origin, change.origin)


def change_rows(changes: list[Change], viewer: AnyUser) -> list[ChangeRow]:
    """Two queries, however many there are."""
    ids = [one.pk for one in changes]
    counts: dict[UUID, dict[str, int]] = {}
    brokers: dict[UUID, list[str]] = {}
    of_page = Step.objects.filter(change__in=ids).order_by()
    for pk, state, number in of_page.values_list("change", "state").annotate(n=Count("pk")):
        counts.setdefault(pk, {})[state] = number
    seen = of_page.filter(broker__in=Broker.objects.visible_to(viewer))
    for pk, name in seen.values_list("change", "broker__name").distinct():
        brokers.setdefault(pk, []).append(name)
    return [
        ChangeRow(
            change=one,
            done=counts.get(one.pk, {}).get(StepState.APPLIED, 0),
            total=sum(counts.get(one.pk, {}).values()),
            rejected=counts.get(one.pk, {}).get(StepState.REJECTED, 0),
            brokers=sorted(brokers.get(one.pk, [])),
        )
        for one in changes
    ]


@dataclass(frozen=True, slots=True)
class StepRow:
    step: Step
    word: str
    parts: list[tuple[str, str]]
    fields: list[FieldLine]
    commands: list[str]
    tries: list[Any]
    #: The page of the object; "" where it has none, is not there, or is not for the viewer to see.
    href: str
    waits_for: WaitsFor | None

    @property
    def updates(self) -> bool:
        return self.step.op != "create"


def _step_rows(change: Change, steps: list[Step], viewer: AnyUser) -> list[StepRow]:
    waits_for = blockers_seen_by(viewer, change, steps)
    pages = {face.name: face.object_route for face in FACES.values() if face.object_route}
    alike: dict[tuple[Broker, str], list[Key]] = {}
    for step in steps:
        if step.target.kind in pages:
            alike.setdefault((step.broker, step.target.kind), []).append(tuple(step.target.key))
    hrefs = {
        (broker.pk, kind, key): reverse(pages[kind], args=[pk])
        for (broker, kind), keys in alike.items()
        for key, pk in ids_of(broker, kind, keys, viewer=viewer).items()
    }
    return [
        _step_row(
            step,
            hrefs.get((step.broker_id, step.target.kind, tuple(step.target.key)), ""),
            WaitsFor(waits_for[step.pk]) if step.pk in waits_for else None,
        )
        for step in steps
    ]


def _step_row(step: Step, href: str, waits_for: WaitsFor | None) -> StepRow:
    key = tuple(step.target.key)
    fields = [FieldLine(**field) for field in step.fields]
    secret = any(field.secret for field in fields)
    return StepRow(
        step=step,
        word=KINDS[step.target.kind].noun,
        parts=parts_of(step.target.kind, key),
        fields=fields,
        commands=step_commands(
            Ref(step.target.kind, key), Op(step.op), step.after, [f.name for f in fields], secret=secret
        ),
        tries=list(step.tries.all()),
        href=href,
        waits_for=waits_for,
    )  # fmt: skip
