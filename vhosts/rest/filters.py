from __future__ import annotations

import django_filters
from django.db.models import Q, QuerySet

from console.faces.rest.filters import BrokerFilter, FlagFilter, TextFilter, TimeFilter
from vhosts.models import Poll, Queue
from vhosts.queues.health.listed import CONDITION_CHOICES, by_condition


class QueueFilters(django_filters.FilterSet):
    broker = BrokerFilter()
    vhost = TextFilter(help_text="The exact name of the virtual host.")
    name = TextFilter(help_text="The exact name.")
    type = TextFilter(help_text="classic, quorum, stream, …")
    state = TextFilter(help_text="running, down, …, as reported by the broker.")
    condition = django_filters.ChoiceFilter(
        choices=tuple(CONDITION_CHOICES.items()),
        method="by_condition",
        help_text="What is worst: losing, rejecting, stuck, no_consumers, …; `trouble`: anything known to "
        "be wrong; `unknown`; `well`.",
    )
    non_empty = FlagFilter(
        method="by_messages",
        help_text="`true`: queues with messages; `false`: queues known to have none.",
    )
    no_consumers = FlagFilter(
        method="by_consumers",
        help_text="`true`: queues known to have no consumers; `false`: queues with consumers.",
    )
    busy = FlagFilter(
        method="by_traffic",
        help_text="`true`: queues with messages coming in or going out at the last poll; `false`: "
        "queues known to have none.",
    )
    growing = FlagFilter(
        method="by_growth",
        help_text="`true`: queues with more messages than 5 minutes ago; `false`: queues known to "
        "have no more.",
    )
    search = TextFilter(field_name="name", lookup_expr="icontains", help_text="Part of the name.")
    gone = FlagFilter(
        method="by_presence",
        help_text="`true`: only deleted queues. Default: only existing queues.",
    )
    noise = FlagFilter(
        method="by_noise",
        help_text="`true`: only queues that match a noise pattern. Default: only the others.",
    )

    class Meta:
        model = Queue
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Queue]) -> QuerySet[Queue]:
        queryset = super().filter_queryset(queryset)
        if self.form.cleaned_data.get("noise") is not True:
            queryset = queryset.filter(noise=False)
        # django-filter treats False as "no value", so it is checked here.
        return (
            queryset
            if self.form.cleaned_data.get("gone") is True
            else queryset.filter(gone_at=None)
        )

    def by_condition(self, queryset: QuerySet[Queue], name: str, value: str) -> QuerySet[Queue]:
        return queryset.filter(by_condition(value))

    def by_messages(self, queryset: QuerySet[Queue], name: str, value: bool) -> QuerySet[Queue]:
        return queryset.filter(total__gt=0) if value else queryset.filter(total=0)

    def by_consumers(self, queryset: QuerySet[Queue], name: str, value: bool) -> QuerySet[Queue]:
        return queryset.filter(consumers=0) if value else queryset.filter(consumers__gt=0)

    def by_traffic(self, queryset: QuerySet[Queue], name: str, value: bool) -> QuerySet[Queue]:
        busy = Q(publish_rate__gt=0) | Q(deliver_rate__gt=0) | Q(get_rate__gt=0)
        return queryset.filter(busy if value else Q(publish_rate=0, deliver_rate=0, get_rate=0))

    def by_growth(self, queryset: QuerySet[Queue], name: str, value: bool) -> QuerySet[Queue]:
        return queryset.filter(growth_5m__gt=0) if value else queryset.filter(growth_5m__lte=0)

    def by_noise(self, queryset: QuerySet[Queue], name: str, value: bool) -> QuerySet[Queue]:
        return queryset.filter(noise=True) if value else queryset

    def by_presence(self, queryset: QuerySet[Queue], name: str, value: bool) -> QuerySet[Queue]:
        return queryset.filter(~Q(gone_at=None)) if value else queryset


class PollFilters(django_filters.FilterSet):
    broker = BrokerFilter()
    complete = FlagFilter()

    class Meta:
        model = Poll
        fields: list[str] = []


# `from` is a Python keyword, so these two can't be written as attributes.
PollFilters.base_filters["from"] = TimeFilter(
    field_name="slot_at",
    lookup_expr="gte",
    help_text="Polls at or after this time (ISO 8601, with zone).",
)
PollFilters.base_filters["to"] = TimeFilter(
    field_name="slot_at",
    lookup_expr="lt",
    help_text="Polls before this time (ISO 8601, with zone).",
)
