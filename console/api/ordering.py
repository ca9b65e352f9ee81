from __future__ import annotations

from rest_framework.filters import OrderingFilter


class AllowedOrdering(OrderingFilter):
    ordering_param = "ordering"
