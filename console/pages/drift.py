"""Drift: how brokers differ from the desired state, and how to resolve it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accessctl.authorize import AnyUser, may, require
from accessctl.rights import Permission
from accessctl.visibility.changes import managed_seen_by
from console.engine.drift import drift_state
from console.engine.proposal import DesiredObject
from console.engine.proposals.preview import FieldLine
from console.errors import InvalidField
from console.faces.acts.acts import Asked, Edge, confirm
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
from console.faces.pages.words import counted
from console.faces.seen import seen_kinds
from console.kinds.registry import KINDS, parts_of
from console.models import Broker, Change, ManagedObject, Sync
from console.scope import Scope
from vhosts.drift.resolve import ACTS, adopt, objections, resolve_drift


def _fields(row: ManagedObject) -> list[FieldLine]:
    return [FieldLine(**{"secret": False, **field}) for field in row.drift]


def _told(row: ManagedObject) -> str:
    return "; ".join(f"{f.label}: {f.was} → {f.becomes}" for f in _fields(row))


DRIFT = ListSpec(
    name="drift",
    default_sort="-since",
    tiebreak=("broker__name", "kind", "key", "id"),
    columns=[
        Column(key="object", label="Object", order=["key"], value=lambda m: " / ".join(m.key)),
        Column(key="kind", label="Kind", order=["kind"], value=lambda m: KINDS[m.kind].noun),
        Column(key="broker", label="Broker", order=["broker__name"], value=lambda m: m.broker.name),
        Column(key="state", label="State", order=["reason"], value=lambda m: m.reason),
        Column(key="fields", label="Desired → observed", value=_told),
        Column(key="since", label="Since", order=["drifted_since"], value=lambda m: m.drifted_since,
               descending_first=True, help="When the drift was first observed."),
    ],
    filters=[
        Filter(key="search", label="Name", where=contains("key")),
        Filter(key="kind", label="Kind", kind="choice", where=equals("kind"),
               choices={kind: KINDS[kind].noun.capitalize() for kind in seen_kinds()}),
    ],
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DriftRow:
    managed: ManagedObject
    state: str
    word: str
    parts: list[tuple[str, str]]
    fields: list[FieldLine]


def drift_row(row: ManagedObject) -> DriftRow:
    return DriftRow(
        managed=row,
        state=drift_state(row).value,
        word=KINDS[row.kind].noun,
        parts=parts_of(row.kind, row.key),
        fields=_fields(row),
    )


def _in_scope(user: AnyUser, scope: Scope) -> QuerySet[ManagedObject]:
    rows = managed_seen_by(user).filter(sync=Sync.DRIFTED, broker__in=scope.brokers(user))
    return rows.select_related("broker__status")


@require_safe
@refreshed("inventory")
def drift(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.DRIFT_VIEW)
    scope, problems = read_scope(request)
    asked = read_list(DRIFT, request.GET, hidden=["broker"] if scope.broker else [])
    rows = _in_scope(request.user, scope)
    listing = asked.show(rows.none() if problems else rows)
    return list_response(
        request,
        "console/drift.html",
        "console/_drift.html",
        {
            "now": timezone.now(),
            "scope": scope,
            "listing": listing,
            "drift_rows": [drift_row(row) for row in listing.rows],
            "may_resolve": may(request.user, Permission.DRIFT_RESOLVE),
            "scope_problems": problems,
        },
        [*problems, *asked.problems],
    )


@require_safe
def drift_csv(request: HttpRequest) -> HttpResponseBase:
    require(request.user, Permission.DRIFT_VIEW)
    scope, problems = read_scope(request)
    asked = read_list(DRIFT, request.GET)
    return csv_response(asked, _in_scope(request.user, scope), [*problems, *asked.problems])


@require_POST
def drift_resolve(request: HttpRequest) -> HttpResponse:
    """Show the plan for restoring or accepting; apply it if it was confirmed."""
    require(request.user, Permission.DRIFT_RESOLVE)
    ids = [int(text) for text in request.POST.getlist("ids") if text.isascii() and text.isdecimal()]
    act = request.POST.get("act", "")
    rows = managed_seen_by(request.user).filter(pk__in=[pk for pk in ids if pk < 2**63])
    found = list(rows.select_related("broker__status").order_by("pk"))
    return confirmed_or_shown(
        request,
        lambda: resolve_drift(found, act, acting_user=request.user),
        f"{ACTS.get(act, 'Resolve')}: {counted(len(found), 'object')}",
        [("act", act), *(("ids", str(row.pk)) for row in found)],
        ACTS.get(act, ""),
    )


@require_POST
def drift_adopt(request: HttpRequest) -> HttpResponse:
    """Like `drift_resolve`, for unmanaged objects. The parts of the key come as repeated `key`
    fields, in order."""
    require(request.user, Permission.DRIFT_RESOLVE)
    text, kind = request.POST.get("broker", ""), request.POST.get("kind", "")
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise InvalidField("broker", "Use the broker’s numeric ID.")
    broker = Broker.objects.visible_to(request.user).filter(pk=int(text)).first()
    if broker is None:
        raise Http404("No such broker.")
    key = tuple(request.POST.getlist("key"))
    if any("\0" in part for part in key):
        raise InvalidField(
            "key", "The name contains invalid characters. Reload the page and try again."
        )
    if kind not in seen_kinds():
        raise InvalidField("kind", f"kind must be one of {', '.join(seen_kinds())}.")
    return confirmed_or_shown(
        request,
        lambda: adopt(broker, kind, [key], acting_user=request.user),
        f"Adopt the {KINDS[kind].noun} {' / '.join(key)} on {broker.name}",
        [("broker", text), ("kind", kind), *(("key", part) for part in key)],
        "Adopt as is",
    )


class _ToTheChange(Edge):
    """Redirects to the change, because objects of several brokers share no page."""

    def landed(self, request: HttpRequest, back: str, change: Change) -> HttpResponse:
        return redirect("change", change.pk)


def confirmed_or_shown(
    request: HttpRequest,
    desired: Callable[[], Sequence[DesiredObject]],
    title: str,
    fields: list[tuple[str, str]],
    act: str,
    back: str = "drift",
) -> HttpResponse:
    """Show the plan of the desired objects, with a form that posts `fields` again; if that was
    confirmed, make the change.

    `act` is the text of the confirming button; `back` the route of the page before.
    """

    def ask() -> Asked:
        desired_objects = desired()
        return Asked(
            title=title,
            desired_objects=desired_objects,
            act=act,
            back=reverse(back),
            dies={one.ref: objections(one) for one in desired_objects},
            danger=any(one.spec is None and one.observed is not None for one in desired_objects),
        )

    return confirm(
        request,
        ask,
        reverse(back),
        edge=_ToTheChange(),
        shown_first=request.POST.get("step") != "apply",
        hidden=fields,
    )
