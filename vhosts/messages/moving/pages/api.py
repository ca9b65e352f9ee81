"""Jobs that move, copy or delete messages, in the API."""

from __future__ import annotations

import re
from typing import Any, ClassVar
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accessctl.authorize import require
from accessctl.rights import Permission
from console.errors import InvalidField
from console.faces.rest.drawn.changing import sent
from console.faces.rest.filters import BrokerFilter, TextFilter
from console.faces.rest.schema import also_answers
from console.faces.rest.views import ApiView
from vhosts.messages.moving import start as jobs
from vhosts.messages.moving.model import MessageJob
from vhosts.messages.moving.pages.preview import Plan, plan_move
from vhosts.messages.moving.pages.serializers import (
    JobRead,
    JobWrite,
    OutcomeRead,
    PlanRead,
    RateWrite,
)
from vhosts.messages.moving.places import Mode, Place, Selection, Target
from vhosts.messages.moving.rights import require_move
from vhosts.messages.moving.running.outcomes import outcomes_for
from vhosts.models import Queue

_KEY = re.compile(r"[!-~]{1,90}")
_IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key", OpenApiTypes.STR, OpenApiParameter.HEADER,
    description="1 to 90 visible ASCII characters. A repeated request with the same key returns the first "
    "job.",
)  # fmt: skip
_DRY_RUN = OpenApiParameter(
    "dry_run", OpenApiTypes.STR, enum=["true", "false"],
    description="true: only say what would happen.",
)  # fmt: skip


class JobFilters(django_filters.FilterSet):
    broker = BrokerFilter()
    vhost = TextFilter(help_text="The exact name of the virtual host.")
    queue = TextFilter(help_text="The exact name of the source.")
    state = django_filters.ChoiceFilter(choices=MessageJob.State.choices)

    class Meta:
        model = MessageJob
        fields: list[str] = []


@extend_schema(tags=["messages"])
class MessageJobsView(ListModelMixin, ApiView):
    """Jobs that move, copy or delete messages."""

    nouns = ("message jobs", "message job")
    serializer_class = JobRead
    filterset_class = JobFilters
    ordering_fields = {"created_at": "created_at"}
    ordering = ("-created_at",)
    lookup_value_regex = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    console_permissions: ClassVar = {
        "list": Permission.MESSAGES_VIEW,
        "retrieve": Permission.MESSAGES_VIEW,
        "outcomes": Permission.MESSAGES_VIEW,
        "create": Permission.MESSAGES_MOVE,
        "stop": Permission.MESSAGES_MOVE,
        "pause": Permission.MESSAGES_MOVE,
        "resume": Permission.MESSAGES_MOVE,
        "rate": Permission.MESSAGES_MOVE,
    }
    query_parameters = {"create": frozenset({"dry_run"})}

    def get_queryset(self) -> QuerySet[MessageJob]:
        rows = MessageJob.objects.visible_to(self.request.user)
        return rows.select_related("broker", "target_broker")

    def _job(self, pk: str) -> MessageJob:
        return jobs.access_job(self.request.user, UUID(pk), Permission.MESSAGES_VIEW)

    def _answer(self, job: MessageJob, status: int = 200) -> Response:
        job.refresh_from_db()
        return Response(JobRead(job, context={"request": self.request}).data, status=status)

    @extend_schema(responses=JobRead, filters=False)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Get a job with its counts."""
        return self._answer(self._job(pk))

    @extend_schema(
        request=JobWrite, parameters=[_IDEMPOTENCY, _DRY_RUN],
        responses={201: OpenApiResponse(JobRead), 200: OpenApiResponse(PlanRead, "The dry run.")},
    )  # fmt: skip
    @also_answers("403", "404")
    def create(self, request: Request) -> Response:
        """Start a job, or with `dry_run=true` say what it would do."""
        body = JobWrite(data=self.body(), context={"request": request})
        body.is_valid(raise_exception=True)
        given, target, selection = body.validated_data, body.target_place(), body.selection()
        source = Place(given["broker"], given["vhost"], given["queue"])
        require_move(request.user, source, target, given["mode"])
        if (target is None) != (given["mode"] == Mode.DELETE):
            raise ValidationError(
                {"target": ["Send where the messages go. A deletion has no target."]}
            )
        selection.check()
        plan = self._plan(source, target, given, selection)
        if request.query_params.get("dry_run") == "true":
            return Response(PlanRead(plan).data)
        if plan.refusals:
            raise InvalidField("queue", plan.refusals[0])
        if plan.typed and given.get("confirm") != plan.typed:
            raise InvalidField("confirm", "Send the queue's name to delete messages in production.")
        job = jobs.start_move(
            request.user, source=source, target=target, mode=given["mode"], selection=selection,
            rate=given.get("rate"), keep_expiration=given.get("keep_expiration", True),
            reason=given.get("reason", ""), idempotency_key=_key(request),
        )  # fmt: skip
        answer = self._answer(job, 201)
        answer["Location"] = reverse("api-message-jobs-detail", args=[job.pk], request=request)
        return answer

    def _plan(
        self, source: Place, target: Target | None, given: dict[str, Any], selection: Selection
    ) -> Plan:
        row = (
            Queue.objects.visible_to(self.request.user)
            .select_related("broker__status")
            .filter(broker=source.broker, vhost=source.vhost, name=source.queue)
            .first()
        )
        if row is None:
            raise InvalidField("queue", "Queue not found. Send a queue that an inventory has seen.")
        require(self.request.user, Permission.MESSAGES_MOVE, row.broker, row.vhost)
        return plan_move(
            self.request.user, row, target, given["mode"], selection, rate=given.get("rate"),
            keep_expiration=given.get("keep_expiration", True), now=timezone.now(),
        )  # fmt: skip

    @extend_schema(
        summary="List outcomes of messages", responses=OutcomeRead(many=True), filters=False
    )
    @action(detail=True, pagination_class=None, filter_backends=())
    def outcomes(self, request: Request, pk: str) -> Response:
        """List what became of messages that weren't simply confirmed; at most 5,000."""
        found = outcomes_for(request.user, self._job(pk), 5000)
        return Response(OutcomeRead(found, many=True).data)

    @extend_schema(summary="Stop a job", request=None, responses=JobRead, filters=False)
    @action(methods=["post"], detail=True, pagination_class=None, filter_backends=())
    @also_answers("409")
    def stop(self, request: Request, pk: str) -> Response:
        """End a job after the messages that are on their way. What was done stays done."""
        jobs.stop(job := self._job(pk), request.user)
        return self._answer(job)

    @extend_schema(summary="Pause a job", request=None, responses=JobRead, filters=False)
    @action(methods=["post"], detail=True, pagination_class=None, filter_backends=())
    @also_answers("409")
    def pause(self, request: Request, pk: str) -> Response:
        """Pause a job after the messages that are on their way."""
        jobs.pause(job := self._job(pk), request.user)
        return self._answer(job)

    @extend_schema(summary="Resume a job", request=None, responses=JobRead, filters=False)
    @action(methods=["post"], detail=True, pagination_class=None, filter_backends=())
    @also_answers("409")
    def resume(self, request: Request, pk: str) -> Response:
        """Go on with a paused job."""
        jobs.resume(job := self._job(pk), request.user)
        return self._answer(job)

    @extend_schema(summary="Set a job's rate limit", request=RateWrite, responses=JobRead, filters=False)  # fmt: skip
    @action(methods=["post"], detail=True, pagination_class=None, filter_backends=())
    @also_answers("409")
    def rate(self, request: Request, pk: str) -> Response:
        """Change the rate limit of a job, also while it runs."""
        job = self._job(pk)
        jobs.change_rate(job, request.user, sent(RateWrite, request, self.body())["rate"])
        return self._answer(job)


def _key(request: Request) -> str:
    key = request.META.get("HTTP_IDEMPOTENCY_KEY", "")
    if key and not _KEY.fullmatch(key):
        raise InvalidField("Idempotency-Key", "Send 1 to 90 visible ASCII characters.")
    return str(key)
