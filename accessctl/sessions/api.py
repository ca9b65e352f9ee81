from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.models import ConsoleSession
from accessctl.rights import Permission
from accessctl.sessions.service import end_session
from accessctl.sessions.store import ref_of
from console.faces.rest.views import ApiView


class SessionRead(serializers.Serializer[Any]):
    """A signed-in browser session."""

    id = serializers.UUIDField(source="ref")
    user = serializers.CharField(source="user.username")
    address = serializers.CharField()
    user_agent = serializers.CharField()
    begun_at = serializers.DateTimeField(allow_null=True)
    seen_at = serializers.DateTimeField(allow_null=True, help_text="Accurate to the minute.")
    current = serializers.SerializerMethodField(help_text="Whether this request uses the session.")

    class Meta:
        ref_name = "Session"

    def get_current(self, row: ConsoleSession) -> bool:
        return row.ref == ref_of(self.context["request"].session)


class SessionsView(ListModelMixin, ApiView):
    """Your sessions; for superusers, all sessions."""

    serializer_class = SessionRead
    ordering_fields = {"begun_at": "begun_at", "seen_at": "seen_at", "id": "ref"}
    ordering = ("-seen_at", "id")
    lookup_field = "ref"
    lookup_url_kwarg = "pk"
    lookup_value_regex = "[0-9a-f-]{36}"
    lookup_value_converter = "uuid"
    console_permissions = dict.fromkeys(("list", "destroy"), Permission.SESSIONS_OWN)

    def get_queryset(self) -> QuerySet[ConsoleSession]:
        return ConsoleSession.objects.visible_to(self.request.user).select_related("user")

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """End a session. Its browser is signed out at the next request."""
        end_session(self.get_object(), acting_user=request.user)
        return Response(status=204)
