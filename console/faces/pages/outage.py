"""An outage of Postgres (down, overloaded or without its tables) as 503 with Retry-After, without
touching the database."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from psycopg2.errors import UndefinedTable

RETRY_AFTER_S = 5
_SENTENCE = "The console's database does not answer, or is being set up. Nothing was changed; try again shortly."
_PAGE = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Warren is waiting for its database</title></head>
<body><main><h1>Waiting for the database</h1><p>{_SENTENCE}</p></main></body></html>
"""


def is_outage(error: BaseException | None) -> bool:
    """Return whether this exception, or its cause, means that Postgres refused or lost a
    connection, canceled a statement, or lacks a table because `migrate` hasn't run yet."""
    kinds = (OperationalError, InterfaceError, UndefinedTable)
    return any(isinstance(each, kinds) for each in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def unavailable(request: HttpRequest) -> HttpResponse:
    wants_json = request.path.startswith("/api/") or "application/json" in request.headers.get(
        "Accept", ""
    )
    response: HttpResponse
    if wants_json:
        response = JsonResponse(
            {
                "type": "server_error",
                "errors": [{"code": "database_unavailable", "detail": _SENTENCE, "attr": None}],
            },
            status=503,
        )
    else:
        response = HttpResponse(_PAGE, status=503)
    response["Retry-After"] = str(RETRY_AFTER_S)
    response["Cache-Control"] = "no-store"
    return response
