from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.db.models import F, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

if TYPE_CHECKING:
    from rest_framework.views import APIView


def asked_order(request: Request, view: APIView) -> list[tuple[Any, bool]]:
    """Return (column or expression, whether descending) for each term, most significant first.
    Raises ValidationError."""
    allowed: dict[str, Any] = getattr(view, "ordering_fields", None) or {}
    text = request.query_params.get("ordering")
    terms = text.split(",") if text is not None else list(getattr(view, "ordering", ()))
    found = []
    for term in terms:
        name = term.removeprefix("-")
        if name not in allowed:
            raise ValidationError(
                {"ordering": [f"ordering must be one or more of {', '.join(allowed)}."]}
            )
        column = allowed[name]
        # A function: the order depends on what the person can see.
        found.append((column(request.user) if callable(column) else column, term != name))
    return found


class AllowedOrdering(BaseFilterBackend):
    """`?ordering=-ready,name` over the view's `ordering_fields` (name → column, expression, or
    function of the person); anything else is refused.

    Unknown values come last in both directions, and the ID breaks ties, so that pages neither
    repeat nor lose a row.
    """

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: APIView
    ) -> QuerySet[Any]:
        if not getattr(view, "ordering_fields", None):
            return queryset
        columns = []
        for column, descending in asked_order(request, view):
            term: Any = F(column) if isinstance(column, str) else column
            columns.append((term.desc if descending else term.asc)(nulls_last=True))
        return queryset.order_by(*columns, "pk")

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        allowed: dict[str, Any] = getattr(view, "ordering_fields", None) or {}
        if not allowed:
            return []
        one = f"-?({'|'.join(map(re.escape, allowed))})"
        return [
            {
                "name": "ordering",
                "required": False,
                "in": "query",
                "description": (
                    "Comma-separated; a leading minus reverses the order. One or more "
                    f"of {', '.join(f'`{name}`' for name in allowed)}."
                ),
                "schema": {"type": "string", "pattern": f"^{one}(,{one})*$"},
            }
        ]
