"""GET /search/: everything that the person may see, by a part of its name."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.rest.rights import ANYBODY
from console.errors import InvalidField
from console.faces.pages.links import absolute
from console.faces.rest.views import ApiView
from console.pages.search.find import find
from console.pages.search.hits import Hit
from console.pages.search.objects import Most
from console.pages.search.request import Query
from console.scope import Scope

_MOST = 100
_USUAL = 20


class HitRead(serializers.Serializer[Any]):
    """An object, broker, page, command, console account or change."""

    kind = serializers.CharField(
        help_text="A kind of object such as `queue`, or `broker`, `page`, `command`, `person`, `change`."
    )
    id = serializers.CharField(
        allow_null=True,
        help_text="The ID in the API's addresses; null for pages and commands.",
    )
    name = serializers.CharField()
    broker = serializers.IntegerField(source="broker.pk", allow_null=True, default=None)
    broker_name = serializers.CharField(source="broker.name", allow_null=True, default=None)
    vhost = serializers.CharField(allow_null=True)
    url = serializers.SerializerMethodField(help_text="The page in the console.")

    class Meta:
        ref_name = "SearchHit"

    def get_url(self, hit: Hit) -> str:
        return absolute(hit.url)


class GroupRead(serializers.Serializer[Any]):
    """Hits of one kind, the best match first."""

    kind = serializers.CharField(source="key")
    title = serializers.CharField(source="label")
    total = serializers.IntegerField(help_text="All matches that you can see.")
    hits = HitRead(many=True)

    class Meta:
        ref_name = "SearchGroup"


# One object, although the action is named list.
@extend_schema_serializer(many=False)
class SearchRead(serializers.Serializer[Any]):
    groups = GroupRead(many=True)

    class Meta:
        ref_name = "Search"


class SearchView(ApiView):
    serializer_class = SearchRead
    pagination_class = None
    filter_backends = ()
    # What is found depends on the person's rights.
    console_permissions = {"list": ANYBODY}
    query_parameters = {"list": frozenset({"q", "limit"})}

    @extend_schema(
        operation_id="search",
        responses=SearchRead,
        parameters=[
            OpenApiParameter(
                "q", OpenApiTypes.STR, required=True,
                description="A part of the name; case doesn't matter. Start with `@` for brokers only, with `>` for pages and commands only.",
            ),
            OpenApiParameter(
                "limit", OpenApiTypes.INT,
                description=f"The most hits in a group, from 1 to {_MOST}; {_USUAL} by default.",
            ),
        ],
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        """Find objects of all kinds on all brokers, brokers, pages, commands, accounts and recent
        changes by name. Contains only what you can see; groups without hits are left out."""
        typed = request.query_params.get("q")
        if typed is None:
            raise ValidationError({"q": ["Send the text to search for."]})
        try:
            query = Query.read(typed)
        except InvalidField as error:
            raise ValidationError({error.field: [error.message]}) from None
        most = Most(here=_limit(request.query_params.get("limit")), elsewhere=0)
        groups = find(query, request.user, Scope(), most, timezone.now())
        return Response(SearchRead({"groups": groups}).data)


def _limit(text: str | None) -> int:
    if text is None:
        return _USUAL
    if text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= _MOST:
        return int(text)
    raise ValidationError({"limit": [f"Send a whole number from 1 to {_MOST}."]})
