"""Changes in the API: what was requested, its status, stopping and retrying it."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

import django_filters
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accessctl.rest.rights import ANYBODY
from accessctl.rights import Permission
from accessctl.visibility.changes import blockers_seen_by, changes_seen_by, may_stop, steps_seen_by
from console.engine.proposals.retry import CONFIRMED, RETRIED, ask_again, stop_change
from console.errors import InvalidField, NotAllowed
from console.faces.rest.drawn.change_fields import ChangeRead, StepRead, step_counts, with_reverts
from console.faces.rest.drawn.changing import PARAMETERS, changing, sent
from console.faces.rest.filters import BrokerFilter, FlagFilter, TextFilter, TimeFilter
from console.faces.rest.schema import also_answers
from console.faces.rest.views import ApiView
from console.faces.seen import seen_objects
from console.models import Change, ChangeState, Step, StepState
from console.pages.reverts.api import RevertSinceWrite, RevertWrite, answer_revert
from console.pages.reverts.inverse import revert_change, revert_since


class _StepsBroker(BrokerFilter):
    """Changes with a step on this broker."""

    def filter(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        if not value:
            return queryset
        steps = super().filter(Step.objects.filter(change=OuterRef("pk")), value)
        return queryset.filter(Exists(steps))


class ChangeFilters(django_filters.FilterSet):
    broker = _StepsBroker()
    state = django_filters.ChoiceFilter(choices=ChangeState.choices)
    author = TextFilter(field_name="author_name", help_text="The exact name of the account.")
    mine = FlagFilter(
        method="of_user", help_text="`true`: your own changes; `false`: those of others."
    )
    reverted = FlagFilter(
        method="undone", help_text="`true`: changes that a later one reverts; `false`: the others."
    )
    search = TextFilter(field_name="title", lookup_expr="icontains", help_text="Part of the title.")

    class Meta:
        model = Change
        fields: list[str] = []

    def of_user(self, queryset: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        user = self.request.user
        return queryset.filter(author=user.pk) if value else queryset.exclude(author=user.pk)

    def undone(self, queryset: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        undone = Exists(Change.reverts.through.objects.filter(to_change=OuterRef("pk")))
        return queryset.filter(undone) if value else queryset.exclude(undone)


# `from` is a Python keyword, so these two can't be written as attributes.
ChangeFilters.base_filters["from"] = TimeFilter(
    field_name="created_at", lookup_expr="gte", help_text="Changes created at or after this time (ISO 8601, with zone)."
)  # fmt: skip
ChangeFilters.base_filters["to"] = TimeFilter(
    field_name="created_at",
    lookup_expr="lt",
    help_text="Changes created before this time (ISO 8601, with zone).",
)


class ChangesView(ListModelMixin, RetrieveModelMixin, ApiView):
    """Changes, newest first: your own, and those with objects you can see."""

    serializer_class = ChangeRead
    filterset_class = ChangeFilters
    ordering_fields = {"created_at": "created_at", "state": "state", "author": "author_name"}
    ordering = ("-created_at",)
    lookup_value_regex = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    console_permissions = {
        "list": Permission.CHANGES_VIEW,
        # You can always see your own changes. The queryset decides who sees which change.
        "retrieve": ANYBODY,
        "steps": ANYBODY,
        "stop": ANYBODY,
        "retry": ANYBODY,
        "confirm": ANYBODY,
        # The inverse decides which rights it needs.
        "revert": ANYBODY,
        "revert_since": Permission.CHANGES_VIEW,
    }
    query_parameters = {
        "steps": frozenset({"state", "page", "page_size"}),
        "revert": PARAMETERS,
        "revert_since": PARAMETERS,
    }

    def get_queryset(self) -> QuerySet[Change]:
        seen = changes_seen_by(self.request.user)
        return with_reverts(seen, seen)

    def filter_queryset(self, queryset: Any) -> Any:
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        context = {"steps": step_counts(page or [])}
        return self.get_paginated_response(ChangeRead(page, many=True, context=context).data)

    @extend_schema(responses=StepRead(many=True), filters=False)
    @action(methods=["get"], detail=True, url_path="steps")
    def steps(self, request: Request, pk: str) -> Response:
        """List the steps of a change in order. Contains only objects you can see."""
        change = self._change(pk)
        found = change.steps.filter(steps_seen_by(request.user))
        state = request.query_params.get("state")
        if state is not None:
            if state not in StepState.values:
                known = ", ".join(StepState.values)
                raise ValidationError({"state": [f"state must be one of {known}."]})
            found = found.filter(state=state)
        page = self.paginate_queryset(found.select_related("target", "broker").order_by("ordinal"))
        context = {"waits_for": blockers_seen_by(request.user, change, page or [])}
        return self.get_paginated_response(StepRead(page, many=True, context=context).data)

    @extend_schema(
        request=None,
        responses={
            202: OpenApiResponse(ChangeRead, "Steps of which nothing was sent are stopped.")
        },
    )
    @also_answers("409")
    @action(methods=["post"], detail=True, url_path="stop")
    def stop(self, request: Request, pk: str) -> Response:
        """Stop a change. Steps of which nothing was sent (`pending`) end at once as `stopped`. Those that may have
        been sent (`verifying`) end when they have been read back; nothing more is sent for them."""
        found = self._change(pk)
        self._no_body()
        if not may_stop(request.user, found):
            raise NotAllowed("You aren't allowed to stop this change (requires changes:stop).")
        stop_change(found, now=timezone.now(), acting_user=cast(User, request.user))
        return Response(ChangeRead(self._change(pk)).data, status=202)

    @extend_schema(
        request=None, responses={202: OpenApiResponse(ChangeRead, "A new change, at Location.")}
    )
    @also_answers("409", "412")
    @action(methods=["post"], detail=True, url_path="retry")
    def retry(self, request: Request, pk: str) -> Response:
        """Retry rejected and stopped steps as a new change."""
        return self._again(pk, RETRIED)

    @changing(RevertWrite)
    @action(methods=["post"], detail=True, url_path="revert")
    def revert(self, request: Request, pk: str) -> Response:
        """Undo a finished change with a new one: the inverse of what it did, from its values before. Needs the rights
        that the inverse needs. Fields that were changed again since keep their values, unless `overwrite` is set."""
        found = self._change(pk)
        body = sent(RevertWrite, request, self.body(optional=True))
        return answer_revert(
            request,
            body,
            lambda: revert_change(
                found, acting_user=request.user, overwrite=body.get("overwrite", False)
            ),
        )

    @extend_schema(operation_id="changes_revert_since_create")
    @changing(RevertSinceWrite)
    @action(methods=["post"], detail=False, url_path="revert")
    def revert_since(self, request: Request) -> Response:
        """Undo everything that changes did on a broker since a time, with one new change. What was changed outside the
        console stays as it is."""
        body = sent(RevertSinceWrite, request, self.body())
        if body["since"] > timezone.now():
            raise InvalidField("since", "This time is in the future. Use an earlier one.")
        return answer_revert(
            request,
            body,
            lambda: revert_since(
                body["broker"],
                body.get("vhost"),
                body["since"],
                acting_user=request.user,
                overwrite=body.get("overwrite", False),
            ),
        )

    @extend_schema(
        request=None, responses={202: OpenApiResponse(ChangeRead, "A new change, at Location.")}
    )
    @also_answers("409", "412")
    @action(methods=["post"], detail=True, url_path="confirm")
    def confirm(self, request: Request, pk: str) -> Response:
        """Confirm deletions that waited too long for their broker. Creates a new change."""
        return self._again(pk, CONFIRMED)

    def _again(self, pk: str, states: tuple[StepState, ...]) -> Response:
        found = self._change(pk)
        self._no_body()
        new = ask_again(
            found,
            states,
            seen=seen_objects,
            origin="api",
            now=timezone.now(),
            acting_user=cast(User, self.request.user),
        )
        answer = Response(ChangeRead(new).data, status=202)
        answer["Location"] = reverse("api-changes-detail", args=[new.pk], request=self.request)
        return answer

    def _change(self, pk: str) -> Change:
        found = self.get_queryset().filter(pk=UUID(pk)).first()
        if found is None:
            raise Http404
        return found

    def _no_body(self) -> None:
        if self.body(optional=True):
            raise ValidationError({"body": ["Leave out the body."]})
