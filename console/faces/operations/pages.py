"""Pages of acts on one object, and of operations on the selected rows of a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_http_methods, require_POST

from console.errors import ConsoleError, InvalidField
from console.faces.acts.acts import Asked, confirm
from console.faces.face import Face
from console.faces.lists import read_list, read_scope
from console.faces.objects.pages import access, rows_in_scope
from console.faces.operations.declare import MOST_SELECTED, Bulk, BulkForm, ObjectAct
from console.faces.operations.requests import requested, title_of
from console.faces.pages.words import counted
from console.faces.ports import MAY, REQUIRE
from console.scope import Scope


def act_routes(face: Face) -> list[URLPattern]:
    """Return the routes of the acts on one object, and of the operations on selected rows."""
    return [
        *(_act_route(face, one) for one in face.acts),
        *(_bulk_route(face, one) for one in face.list_page.bulk),
    ]


def bulk_for(face: Face, user: Any) -> list[tuple[Bulk | BulkForm, str]]:
    """Return the operations on selected rows that the person may use somewhere, with their
    addresses."""
    return [
        (one, reverse(f"{face.route}_{one.name}"))
        for one in face.list_page.bulk
        if MAY.ask(user, one.right)
    ]


def _act_route(face: Face, one: ObjectAct) -> URLPattern:
    @require_http_methods(["GET", "HEAD", "POST"])
    def acted(request: HttpRequest, object_id: int) -> HttpResponse:
        return _act(face, one, request, object_id)

    name = one.act.name
    return path(f"{face.slug}/<int:object_id>/{name}/", acted, name=f"{face.name}_{name}")


def _bulk_route(face: Face, one: Bulk | BulkForm) -> URLPattern:
    @require_POST
    def selected(request: HttpRequest) -> HttpResponse:
        return _selected(face, one, request)

    return path(f"{face.slug}/selected/{one.name}/", selected, name=f"{face.route}_{one.name}")


def _act(face: Face, one: ObjectAct, request: HttpRequest, object_id: int) -> HttpResponse:
    row = access(face, request.user, object_id, one.right)
    back = reverse(face.object_route, args=[row.pk])
    key = face.key_of(row)

    def ask() -> Asked:
        return Asked(
            title=title_of(face, one, row),
            acts=[requested(face, one, row, request.user)],
            act=f"{one.act.verb} {face.kind.noun}",
            back=back,
            typed=key[-1] if one.act.destructive and Scope.at(row.broker).is_production else "",
            danger=one.act.destructive,
        )

    return confirm(request, ask, back, broker=row.broker)


def _selected(face: Face, one: Bulk | BulkForm, request: HttpRequest) -> HttpResponse:
    """Show what the operation would do to the selected rows, or do it if that was confirmed. What is
    confirmed is the rows that were shown (`ids`), whatever the filter matches by then. A BulkForm
    leads to its form."""
    REQUIRE.ask(request.user, one.right)
    shown = request.POST.get("step") != "apply"
    back = f"{reverse(face.route)}?{request.GET.urlencode()}".rstrip("?")
    try:
        rows = _rows(face, request)
        if isinstance(one, BulkForm):
            return redirect(one.leads_to(rows, request.user))
    except ConsoleError as error:
        context = {"refusal": error.message, "cancel": back}
        return render(request, "components/act_preview.html", context, status=error.http_status)
    many = counted(len(rows), face.kind.noun)

    def ask() -> Asked:
        made = one.make(rows, request.user)
        number = counted(len(made.desired_objects) + len(made.acts), face.kind.noun)
        production = any(
            Scope.at(broker).is_production
            for broker in {row.broker_id: row.broker for row in rows}.values()
        )
        return Asked(
            title=f"{one.verb} {number} on {_where(rows)}",
            desired_objects=made.desired_objects,
            acts=made.acts,
            act=f"{one.verb} {number}",
            back=_back(face, rows),
            warnings=made.remarks,
            dies=made.dies,
            typed=number if one.danger and production else "",
            danger=one.danger,
        )

    hidden = [("ids", ",".join(str(row.pk) for row in rows))]
    return confirm(
        request, ask, back, shown_first=shown, hidden=hidden, broker=rows[0].broker, many=many
    )


def _rows(face: Face, request: HttpRequest) -> list[Any]:
    """Return the selected rows. `ids` are repeated or separated by commas; `all` takes every row
    that the list's address matches, except `except`. Raises InvalidField."""
    if request.POST.get("all") == "yes" and request.POST.get("step") != "apply":
        scope, problems = read_scope(request)
        asked = read_list(face.listing_for(request.user), request.GET)
        if problems or asked.problems:
            raise (*problems, *asked.problems)[0]
        found = asked.filtered(
            face.list_page.listed(rows_in_scope(face, scope, request.user), asked)
        )
        found = found.exclude(pk__in=_ids(request, "except"))
    else:
        found = face.model._default_manager.visible_to(request.user)  # type: ignore[attr-defined]
        found = found.filter(pk__in=_ids(request, "ids")).select_related("broker__status")
    rows = list(found.order_by("broker", *face.kind.identity)[: MOST_SELECTED + 1])
    if not rows:
        raise InvalidField("ids", f"Select at least one {face.kind.noun}.")
    if len(rows) > MOST_SELECTED:
        raise InvalidField(
            "ids",
            f"More than {MOST_SELECTED:,} {face.kind.plural} match. Filter the list to "
            f"{MOST_SELECTED:,} or fewer.",
        )
    return rows


def _ids(request: HttpRequest, name: str) -> list[int]:
    texts = ",".join(request.POST.getlist(name)).split(",")
    ids = [int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < 19]
    return [pk for pk in ids if pk < 2**31]


def _where(rows: Sequence[Any]) -> str:
    brokers = {row.broker_id: row.broker.name for row in rows}
    return next(iter(brokers.values())) if len(brokers) == 1 else f"{len(brokers)} brokers"


def _back(face: Face, rows: Sequence[Any]) -> str:
    brokers = {row.broker_id for row in rows}
    if len(brokers) != 1:
        return reverse(face.route)
    return f"{reverse(face.route)}?{urlencode({'broker': brokers.pop()})}"
