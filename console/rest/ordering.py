from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import F, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

if TYPE_CHECKING:
    from rest_framework.views import APIView


class AllowedOrdering(BaseFilterBackend):
    """`?ordering=-ready,name` over the view's `ordering_fields` (name → column); anything else is
    refused. What is not known comes last either way, and the id breaks ties, so that pages neither
    repeat nor lose a row."""

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: APIView
    ) -> QuerySet[Any]:
        allowed: dict[str, str] = getattr(view, "ordering_fields", None) or {}
        if not allowed:
            return queryset
        text = request.query_params.get("ordering")
        terms = text.split(",") if text is not None else list(getattr(view, "ordering", ()))
        columns = []
        for term in terms:
            name = term.removeprefix("-")
            if name not in allowed:
                raise ValidationError(
                    {"ordering": [f"ordering must be one or more of {', '.join(allowed)}."]}
                )
            column = F(allowed[name])
            columns.append(
                column.desc(nulls_last=True) if term != name else column.asc(nulls_last=True)
            )
        return queryset.order_by(*columns, "pk")

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        allowed: dict[str, str] = getattr(view, "ordering_fields", None) or {}
        if not allowed:
            return []
        return [
            {
                "name": "ordering",
                "required": False,
                "in": "query",
                "description": (
                    "Comma-separated; a minus in front reverses. One or more of "
                    f"{', '.join(f'`{name}`' for name in allowed)}."
                ),
                "schema": {"type": "string"},
            }
        ]
