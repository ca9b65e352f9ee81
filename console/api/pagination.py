from __future__ import annotations

from rest_framework.pagination import PageNumberPagination


class PageNumbers(PageNumberPagination):
    page_size = 100
    max_page_size = 1000
    page_size_query_param = "page_size"
