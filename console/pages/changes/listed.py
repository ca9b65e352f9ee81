"""The list of changes: what was requested, by whom, and the status of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe

from accessctl.authorize import AnyUser, require
from accessctl.rights import Permission
from accessctl.visibility.changes import changes_seen_by
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
from console.faces.pages.refreshed import refreshed
from console.models import (
    Broker,
    Change,
    ChangeState,
    Step,
    StepState,
)
from console.pages.changes.rows import ORIGINS, source_of
from console.scope import Scope

#: Pairs of a revert (`from_change`) and a change that it undoes (`to_change`).
_REVERTS = Change.reverts.through.objects

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
        Filter(key="reverted", label="Reverted", kind="flag", where=lambda _: Q(Exists(_REVERTS.filter(to_change=OuterRef("pk"))))),
        Filter(key="origin", label="Source", kind="choice", choices=ORIGINS, where=equals("origin")),
    ],
)  # fmt: skip


@require_safe
@refreshed("inventory", personal=True)
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
    """A row of the list. `brokers`: names of its brokers that the viewer can see."""

    change: Change
    done: int
    total: int
    rejected: int
    brokers: list[str]
    reverted: bool

    @property
    def source(self) -> str:
        return source_of(self.change)


def change_rows(changes: list[Change], viewer: AnyUser) -> list[ChangeRow]:
    """Return the rows of the list, in three queries for any number of changes."""
    ids = [one.pk for one in changes]
    counts: dict[UUID, dict[str, int]] = {}
    brokers: dict[UUID, list[str]] = {}
    of_page = Step.objects.filter(change__in=ids).order_by()
    for pk, state, number in of_page.values_list("change", "state").annotate(n=Count("pk")):
        counts.setdefault(pk, {})[state] = number
    seen = of_page.filter(broker__in=Broker.objects.visible_to(viewer))
    for pk, name in seen.values_list("change", "broker__name").distinct():
        brokers.setdefault(pk, []).append(name)
    undone = set(_REVERTS.filter(to_change__in=ids).values_list("to_change", flat=True))
    return [
        ChangeRow(
            change=one,
            done=counts.get(one.pk, {}).get(StepState.APPLIED, 0),
            total=sum(counts.get(one.pk, {}).values()),
            rejected=counts.get(one.pk, {}).get(StepState.REJECTED, 0),
            brokers=sorted(brokers.get(one.pk, [])),
            reverted=one.pk in undone,
        )
        for one in changes
    ]
