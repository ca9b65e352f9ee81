"""Responses for a list: the whole page, only its refreshed part, or CSV."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from console.errors import InvalidField
from console.faces.lists.export import stream_csv
from console.faces.lists.read import ListRequest
from console.scope import Scope


def read_scope(request: HttpRequest) -> tuple[Scope, list[InvalidField]]:
    """Return the URL's scope and no problem, or for an invalid scope the whole fleet and the
    problem; then the page must show no rows. Raises Http404 for a broker that the user can't see.
    """
    try:
        return Scope.read(request.GET, request.user), []
    except InvalidField as error:
        return Scope(), [error]


def wants_part(request: HttpRequest) -> bool:
    """Return whether htmx requests a part of the page instead of the page."""
    htmx: Any = getattr(request, "htmx", None)
    return bool(htmx) and not (htmx.boosted or htmx.history_restore_request)


def list_response(
    request: HttpRequest,
    template: str,
    part: str,
    context: Mapping[str, Any],
    problems: list[InvalidField],
) -> HttpResponse:
    """Render a list.

    `part` is the template of the part that is refreshed in place; `template` includes it. With
    `problems`, a page is a 400 that shows the rest; a part is always a 200, because htmx wouldn't
    show anything else.
    """
    partly = wants_part(request)
    response = render(
        request,
        part if partly else template,
        {**context, "problems": problems, "is_live": not problems},
        status=400 if problems and not partly else 200,
    )
    patch_vary_headers(response, ["HX-Request"])
    return response


def csv_response(
    asked: ListRequest, rows: QuerySet[Any], problems: list[InvalidField]
) -> HttpResponseBase:
    """Return all matching rows as CSV, in the order of the list. With `problems`, a 400 with their
    sentences: an export must not contain more than was requested."""
    if problems:
        text = "\n".join(problem.message for problem in problems)
        return HttpResponse(text + "\n", status=400, content_type="text/plain; charset=utf-8")
    matching = asked.ordered(asked.filtered(rows))
    return stream_csv(f"{asked.spec.name}.csv", asked.spec.exported(), matching)
