"""Drift: what differs on the brokers from what was asked for here, and settling it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accessctl.authorize import AnyUser, may, require
from accessctl.rights import Permission
from accessctl.visibility.changes import managed_seen_by
from console.engine.accept import Request, Wish, accept
from console.engine.drift import drift_state
from console.engine.proposals.preview import FieldLine, preview
from console.errors import InvalidField
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
from console.models import Broker, ManagedObject, Sync
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
    """Shows what pushing or accepting would do; does it where that was confirmed."""
    require(request.user, Permission.DRIFT_RESOLVE)
    ids = [int(text) for text in request.POST.getlist("ids") if text.isascii() and text.isdecimal()]
    act = request.POST.get("act", "")
    rows = managed_seen_by(request.user).filter(pk__in=[pk for pk in ids if pk < 2**63])
    found = list(rows.select_related("broker__status").order_by("pk"))
    wishes = resolve_drift(found, act, acting_user=request.user)
    return confirmed_or_shown(
        request, wishes, f"{ACTS[act]}: {counted(len(wishes), 'object')}",
        [("act", act), *(("ids", str(row.pk)) for row in found)], "drift_resolve", ACTS[act],
    )  # fmt: skip


@require_POST
def drift_adopt(request: HttpRequest) -> HttpResponse:
    """As `drift_resolve`, for objects that are seen and were never asked for here. The parts of the key
    come as `key`, one after the other."""
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
    wishes = adopt(broker, kind, [key], acting_user=request.user)
    fields = [("broker", text), ("kind", kind), *(("key", part) for part in key)]
    title = f"Adopt the {KINDS[kind].noun} {' / '.join(key)} on {broker.name}"
    return confirmed_or_shown(request, wishes, title, fields, "drift_adopt", "Adopt as is")


def confirmed_or_shown(
    request: HttpRequest,
    wishes: list[Wish],
    title: str,
    fields: list[tuple[str, str]],
    route: str,
    button: str,
) -> HttpResponse:
    """The plan of the wishes with a form that posts `fields` to `route` again, or, where that was
    confirmed, the change. `button` is the text of the button that confirms."""
    asked = Request(
        title=title, wishes=wishes, origin="page", reason=request.POST.get("reason", "").strip()[:2000]
    )  # fmt: skip
    if request.POST.get("confirm") == "yes":
        change = accept(asked, now=timezone.now(), acting_user=cast(User, request.user))
        return redirect("change", change.pk)
    about = {wish.ref: objections(wish) for wish in wishes}
    context: dict[str, Any] = {
        "preview": preview(asked, objections=about),
        "hidden": fields,
        "route": route,
        "title": title,
        "button": button,
        "reason": asked.reason,
    }
    return render(request, "console/drift_preview.html", context)
