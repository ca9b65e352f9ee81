from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import InvalidPage
from django.db.models import QuerySet
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request

from console.faces.pages.links import on_console_url

if TYPE_CHECKING:
    from rest_framework.views import APIView


class PageNumbers(PageNumberPagination):
    """`page` from 1, `page_size` from 1 to 1000. Any other value is refused, not adjusted."""

    page_size = 100
    max_page_size = 1000
    page_size_query_param = "page_size"
    page_query_description = "The page number, from 1."
    page_size_query_description = "The number of results per page, 1 to 1000."

    def get_page_size(self, request: Request) -> int:
        return _number(request, "page_size", self.page_size, self.max_page_size)

    def paginate_queryset(  # type: ignore[override]
        self, queryset: QuerySet[Any], request: Request, view: APIView | None = None
    ) -> list[Any]:
        self.request = request
        paginator = self.django_paginator_class(queryset, self.get_page_size(request))
        number = _number(request, "page", 1, 10**9)
        try:
            self.page = paginator.page(number)
        except InvalidPage:
            raise NotFound(
                f"Page {number} doesn't exist. The last page is {paginator.num_pages}."
            ) from None
        return list(self.page)

    def get_next_link(self) -> str | None:
        link = super().get_next_link()
        return on_console_url(link) if link else None

    def get_previous_link(self) -> str | None:
        link = super().get_previous_link()
        return on_console_url(link) if link else None

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "required": False,
                "in": "query",
                "description": description,
                "schema": {"type": "integer", "minimum": 1, **more},
            }
            for name, description, more in (
                ("page", self.page_query_description, {"default": 1}),
                (
                    "page_size",
                    self.page_size_query_description,
                    {"maximum": self.max_page_size, "default": self.page_size},
                ),
            )
        ]


def _number(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and 1 <= int(text) <= most):
        raise ValidationError({name: [f"{name} must be a whole number from 1 to {most}."]})
    return int(text)
