"""The search page, and the options of the palette."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from console.errors import InvalidField
from console.faces.lists import read_scope, wants_part
from console.pages.search.find import find
from console.pages.search.objects import Most
from console.pages.search.request import Query

_IN_PALETTE = Most(here=5, elsewhere=3)
_ON_PAGE = Most(here=20, elsewhere=10)


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Show what `?q=` finds. The scope only decides what comes first."""
    scope, problems = read_scope(request)
    typed = request.GET.get("q", "")
    query = Query("")
    try:
        query = Query.read(typed)
    except InvalidField as error:
        problems.append(error)
    partly = wants_part(request)
    most = _IN_PALETTE if partly else _ON_PAGE
    groups = [] if problems else find(query, request.user, scope, most, timezone.now())
    response = render(
        request,
        "console/_search_options.html" if partly else "console/search.html",
        {"scope": scope, "typed": typed, "query": query, "groups": groups, "problems": problems},
        status=400 if problems else 200,
    )
    patch_vary_headers(response, ["HX-Request"])
    return response
