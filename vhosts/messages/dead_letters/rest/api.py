"""Dead letters in the API: queues, groups, samples, replay and discard."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.rights import Permission
from console.faces.rest.filters import BrokerFilter, TextFilter
from console.faces.rest.views import ApiView
from console.models import Broker
from console.scope import Scope
from vhosts.authorize import access_queue
from vhosts.messages.dead_letters.access import access_group, queue_of
from vhosts.messages.dead_letters.listing.groups import BY, groups_of
from vhosts.messages.dead_letters.listing.queues import dead_letter_queues
from vhosts.messages.dead_letters.parsing.deaths import REASONS
from vhosts.messages.dead_letters.replay.service import (
    groups_for,
    preview_replay,
    start_discard,
    start_replay,
)
from vhosts.messages.dead_letters.rest.serializers import (
    DeadGroupRead,
    DeadQueueRead,
    DiscardNew,
    ReplayNew,
    ReplayRead,
    SampledRead,
)
from vhosts.messages.dead_letters.sampling.sample import sample_queue
from vhosts.models import Queue


class QueueFilters(django_filters.FilterSet):
    broker = BrokerFilter()
    vhost = TextFilter(help_text="The exact name of the virtual host.")
    why = django_filters.ChoiceFilter(
        choices=[(one, one) for one in ("holds", "passes", "looks", "not")],
        help_text="Default: holds, which includes those that are marked.",
    )

    class Meta:
        model = Queue
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Any]) -> Any:
        asked = self.form.cleaned_data
        found = dead_letter_queues(_scope(self), self.request.user, timezone.now())
        lists = {"passes": found.passing, "looks": found.looking, "not": found.marked_not}
        return lists.get(asked["why"] or "holds", found.holding)


class GroupFilters(django_filters.FilterSet):
    broker = BrokerFilter()
    vhost = TextFilter(help_text="The exact name of the virtual host.")
    queue = TextFilter(help_text="The queue that holds them, or that they come from.")
    reason = django_filters.ChoiceFilter(choices=[(one, one) for one in (*REASONS, "none")])
    search = TextFilter(help_text="A part of the origin, reason or exception, as you may see it.")
    by = django_filters.ChoiceFilter(choices=list(BY.items()), help_text="Default: cause.")

    class Meta:
        model = Queue
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Any]) -> Any:
        asked, user, now = self.form.cleaned_data, self.request.user, timezone.now()
        found = dead_letter_queues(_scope(self), user, now, figures=False)
        return groups_of(
            found.holding, user, now, by=asked["by"] or "cause", reason=asked["reason"] or "",
            text=asked["search"] or "", queue=asked["queue"] or "",
        )  # fmt: skip


def _scope(filters: django_filters.FilterSet) -> Scope:
    asked = filters.form.cleaned_data
    value, broker = asked["broker"], None
    if value:
        visible = Broker.objects.visible_to(filters.request.user).select_related("status")
        number = value.isascii() and value.isdecimal() and len(value) <= 18
        broker = visible.filter(**({"pk": int(value)} if number else {"name": value})).first()
        if broker is None:
            raise serializers.ValidationError(
                {"broker": ["Broker not found. Send its ID or name."]}
            )
    return Scope(broker=broker, vhost=asked["vhost"] or None)


class DeadLetterQueuesView(ListModelMixin, ApiView):
    """Queues that hold dead letters. Lists call no broker; samples and replays do."""

    nouns = ("dead letter queues", "dead letter queue")
    serializer_class = DeadQueueRead
    filterset_class = QueueFilters
    filter_backends = (django_filters.rest_framework.DjangoFilterBackend,)
    console_permissions = {
        "list": Permission.QUEUES_VIEW,
        "sample": Permission.MESSAGES_VIEW,
        "replay": Permission.MESSAGES_MOVE,
        "discard": Permission.MESSAGES_MOVE,
    }
    query_parameters = {"replay": frozenset({"dry_run"})}

    def get_queryset(self) -> QuerySet[Any]:
        return Queue.objects.none()

    @extend_schema(summary="Sample a queue", request=None, responses=SampledRead)
    @action(methods=["post"], detail=True, pagination_class=None, filter_backends=())
    def sample(self, request: Request, pk: str) -> Response:
        """Read up to 500 messages, return them, and store their groups."""
        queue = access_queue(request.user, int(pk), Permission.MESSAGES_VIEW)
        found = sample_queue(queue, acting_user=request.user, now=timezone.now())
        return Response(SampledRead(found).data)

    @extend_schema(
        summary="Replay all dead letters of a queue", request=ReplayNew, responses={202: ReplayRead}
    )
    @action(methods=["post"], detail=True, pagination_class=None, filter_backends=())
    def replay(self, request: Request, pk: str) -> Response:
        """Start a job; with `dry_run=true`, only trace the messages."""
        queue = access_queue(request.user, int(pk), Permission.MESSAGES_MOVE)
        return _replay(self, queue, [])

    @extend_schema(
        summary="Discard all messages of a queue", request=DiscardNew, responses={202: ReplayRead}
    )
    @action(methods=["post"], detail=True, pagination_class=None, filter_backends=())
    def discard(self, request: Request, pk: str) -> Response:
        """Start a job that deletes the messages that are ready now."""
        queue = access_queue(request.user, int(pk), Permission.MESSAGES_MOVE)
        return _discard(self, queue, [])


class DeadLetterGroupsView(ListModelMixin, ApiView):
    """Groups of dead letters, from the last samples."""

    nouns = ("dead letter groups", "dead letter group")
    serializer_class = DeadGroupRead
    filterset_class = GroupFilters
    filter_backends = (django_filters.rest_framework.DjangoFilterBackend,)
    console_permissions = {
        "list": Permission.MESSAGES_VIEW,
        "replay": Permission.MESSAGES_MOVE,
        "discard": Permission.MESSAGES_MOVE,
    }
    query_parameters = {"replay": frozenset({"dry_run"})}

    def get_queryset(self) -> QuerySet[Any]:
        return Queue.objects.none()

    @extend_schema(summary="Replay a group", request=ReplayNew, responses={202: ReplayRead})
    @action(methods=["post"], detail=True, pagination_class=None, filter_backends=())
    def replay(self, request: Request, pk: str) -> Response:
        """Start a job; with `dry_run=true`, only trace the messages."""
        first = access_group(request.user, int(pk), Permission.MESSAGES_MOVE)
        return _replay(self, queue_of(first), groups_for(request.user, first))

    @extend_schema(summary="Discard a group", request=DiscardNew, responses={202: ReplayRead})
    @action(methods=["post"], detail=True, pagination_class=None, filter_backends=())
    def discard(self, request: Request, pk: str) -> Response:
        """Start a job that deletes the messages of the group."""
        first = access_group(request.user, int(pk), Permission.MESSAGES_MOVE)
        return _discard(self, queue_of(first), groups_for(request.user, first))


_NOTHING: dict[str, Any] = dict.fromkeys(
    ("job", "read", "messages", "routed", "not_routed", "older", "without_origin", "moved_before")
)


def _replay(view: ApiView, queue: Queue, groups: Any) -> Response:
    body = ReplayNew(data=view.body(optional=True))
    body.is_valid(raise_exception=True)
    user, now = view.request.user, timezone.now()
    if view.request.query_params.get("dry_run", "false") == "true":
        found = preview_replay(queue, groups, body.options(), acting_user=user, now=now)
        plan = found.plan
        return Response(ReplayRead({
            "job": None, "read": len(found.looked.messages), "messages": plan.count,
            "routed": plan.routed, "not_routed": plan.lost, "older": plan.older,
            "without_origin": plan.homeless, "moved_before": plan.replayed_before,
            "ways": plan.ways, "trouble": found.looked.trouble,
        }).data)  # fmt: skip
    job = start_replay(
        queue, groups, body.options(), acting_user=user, now=now,
        idempotency_key=view.request.headers.get("Idempotency-Key", ""),
    )  # fmt: skip
    return Response(
        ReplayRead({**_NOTHING, "job": job.pk, "ways": [], "trouble": ""}).data, status=202
    )


def _discard(view: ApiView, queue: Queue, groups: Any) -> Response:
    body = DiscardNew(data=view.body(optional=True))
    body.is_valid(raise_exception=True)
    job = start_discard(
        queue, groups, typed=body.validated_data.get("name", ""),
        reason=body.validated_data.get("reason", "").strip(), acting_user=view.request.user,
        now=timezone.now(), idempotency_key=view.request.headers.get("Idempotency-Key", ""),
    )  # fmt: skip
    return Response(
        ReplayRead({**_NOTHING, "job": job.pk, "ways": [], "trouble": ""}).data, status=202
    )
