"""Links that keep the scope or the query of the page."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.template import Context
from django.urls import NoReverseMatch, reverse


def scope_url(context: Context, route: str, *args: Any, **extra: Any) -> str:
    """Return the address of a page in the current scope; "" if there is no such page (yet).

    Keyword arguments become further parameters; None removes one.
    """
    try:
        url = reverse(route, args=args)
    except NoReverseMatch:
        return ""
    scope = context.get("scope")
    parameters: dict[str, Any] = dict(scope.parameters()) if scope else {}
    parameters.update(extra)
    kept = {key: value for key, value in parameters.items() if value is not None}
    return f"{url}?{urlencode(kept)}" if kept else url


def keep_query(context: Context, **changes: Any) -> str:
    """Return `?…`: the current query string with some parameters changed; None removes one."""
    query: QueryDict = context["request"].GET.copy()
    for key, value in changes.items():
        if value is None:
            query.pop(key, None)
        else:
            query[key] = str(value)
    text = query.urlencode()
    return f"?{text}" if text else "?"
