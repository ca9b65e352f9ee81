from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet

from accessctl.models import BrokerPermission, BrokerTopicPermission, BrokerUser
from console.faces.rest.filters import BrokerFilter, TextFilter


class UserFilters(django_filters.FilterSet):
    broker = BrokerFilter()
    name = TextFilter(help_text="The exact name.")
    tag = TextFilter(method="with_tag", help_text="Users with this tag.")
    search = TextFilter(field_name="name", lookup_expr="icontains", help_text="Part of the name.")

    class Meta:
        model = BrokerUser
        fields: list[str] = []

    def with_tag(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return queryset.filter(tags__contains=[value])


class PermissionFilters(django_filters.FilterSet):
    broker = BrokerFilter()
    vhost = TextFilter(help_text="The exact name of the virtual host.")
    user = TextFilter(help_text="The exact name of the user.")

    class Meta:
        model = BrokerPermission
        fields: list[str] = []


class TopicPermissionFilters(PermissionFilters):
    exchange = TextFilter(help_text="The exact name of the exchange.")

    class Meta:
        model = BrokerTopicPermission
        fields: list[str] = []
