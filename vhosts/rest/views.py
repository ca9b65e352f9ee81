"""Results of polls, read from Postgres only: no request here reaches a broker."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.rights import Permission
from console.faces.rest.drawn.changing import PARAMETERS
from console.faces.rest.filters import parse_time
from console.faces.rest.views import ApiView
from console.models import Broker
from vhosts.history.read import series
from vhosts.lists import OUT_RATE
from vhosts.messages.peeking.pages.api import PeeksQueues
from vhosts.models import Poll, Queue
from vhosts.queues.changing.rest import WritesQueues
from vhosts.queues.health.listed import BY_HARM
from vhosts.rest.fields import HistoryRead, PollRead, QueueRead
from vhosts.rest.filters import PollFilters, QueueFilters

_DEFAULT_RANGE = timedelta(hours=1)


class QueuesView(WritesQueues, PeeksQueues, ListModelMixin, RetrieveModelMixin, ApiView):
    """Queues on all brokers, with their current depth."""

    serializer_class = QueueRead
    filterset_class = QueueFilters
    ordering_fields = {
        name: name
        for name in (
            "id", "vhost", "name", "type", "state", "ready", "unacked", "total", "consumers",
            "depth_changed_at", "first_seen_at", "publish_rate", "deliver_rate", "ack_rate",
            "redeliver_rate", "get_rate", "growth_5m",
        )
    } | {
        "broker": "broker__name",
        "condition": BY_HARM,
        "in_rate": "publish_rate",
        "out_rate": OUT_RATE,
        "rates_at": "broker__status__rates_at",
    }  # fmt: skip
    ordering = ("broker", "vhost", "name")
    console_permissions = {
        "list": Permission.QUEUES_VIEW,
        "retrieve": Permission.QUEUES_VIEW,
        "history": Permission.QUEUES_VIEW,
        **WritesQueues.rights,
        **PeeksQueues.peeking,
    }
    query_parameters = {
        "history": frozenset({"from", "to", "step"}),
        **dict.fromkeys(WritesQueues.rights, PARAMETERS),
    }

    def get_queryset(self) -> QuerySet[Queue]:
        return Queue.objects.visible_to(self.request.user).select_related("broker__status")

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "now": timezone.now()}

    def filter_queryset(self, queryset: Any) -> Any:
        # A single queue is found by its id even if it is gone.
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    @extend_schema(
        responses=HistoryRead,
        filters=False,
        parameters=[
            OpenApiParameter(
                "from",
                OpenApiTypes.DATETIME,
                description="ISO 8601, with zone. Default: an hour before `to`.",
            ),
            OpenApiParameter(
                "to", OpenApiTypes.DATETIME, description="ISO 8601, with zone. Default: now."
            ),
            OpenApiParameter(
                "step",
                OpenApiTypes.INT,
                description="Seconds between points. Default: a step that gives about 1,000 "
                "points.",
            ),
        ],
    )
    @action(methods=["get"], detail=True, url_path="history", pagination_class=None)
    def history(self, request: Request, pk: str) -> Response:
        """Get a queue's depth over time, one point per step. Steps without data are null."""
        queue = self.get_queryset().filter(pk=int(pk)).first() if int(pk) < 2**31 else None
        if queue is None:
            raise Http404
        now = timezone.now()
        end = _time(request, "to") or now
        start = _time(request, "from") or end - _DEFAULT_RANGE
        found = series(queue, start=start, end=end, step_s=_step(request), now=now)
        answer = {
            "queue": queue.pk,
            "from": start,
            "to": end,
            "step": found.step_s,
            "source": found.source,
            "points": found.points,
        }
        return Response(HistoryRead(answer).data)


class PollsView(ListModelMixin, ApiView):
    """Polls of brokers, newest first."""

    serializer_class = PollRead
    filterset_class = PollFilters
    ordering_fields = {"slot_at": "slot_at", "took_ms": "took_ms"}
    ordering = ("-slot_at",)
    console_permissions = {"list": Permission.POLLS_VIEW}

    def get_queryset(self) -> QuerySet[Poll]:
        visible = Broker.objects.visible_to(self.request.user)
        return Poll.objects.filter(broker__in=visible).select_related("broker")


def _time(request: Request, name: str) -> datetime | None:
    text = request.query_params.get(name)
    try:
        return parse_time(text) if text is not None else None
    except ValueError as error:
        raise ValidationError({name: [str(error)]}) from None


def _step(request: Request) -> int | None:
    text = request.query_params.get("step")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise ValidationError({"step": ["step must be a whole number of seconds."]})
    return int(text)
