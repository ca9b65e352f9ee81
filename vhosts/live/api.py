"""The live lists in the API, with the filters and orders of their pages."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.authorize import require
from accessctl.rights import Permission
from accessctl.targets import brokers_for
from console.faces.rest.drawn.changing import PARAMETERS, ReasonOnly, answer_change, changing, sent
from console.faces.rest.drawn.lists import filters_of_list, ordering_of_list
from console.faces.rest.pagination import PageNumbers
from console.faces.rest.views import ApiView
from console.models import Broker
from vhosts.live.close import closing, title_of
from vhosts.live.fields import LiveChannelRead, LiveConnectionRead, LiveConsumerRead
from vhosts.live.find import access_row, read, seen
from vhosts.live.lists import CHANNEL_LIST, CONNECTION_LIST, CONSUMER_LIST
from vhosts.live.model import LiveChannel, LiveConnection, LiveConsumer
from vhosts.live.reading import Read
from vhosts.live.rows import CHANNELS, CONNECTIONS, CONSUMERS, MODELS

_READING_SCHEMA = {
    "read_at": {
        "type": "string",
        "format": "date-time",
        "nullable": True,
        "description": "When the broker was read. Null: the list is unknown, not empty.",
    },
    "trouble": {
        "type": "object",
        "nullable": True,
        "description": "Why the broker couldn't be read now; the results are then older, or unknown.",
        "properties": {"code": {"type": "string"}, "detail": {"type": "string"}},
        "required": ["code", "detail"],
    },
    "incomplete": {
        "type": "string",
        "description": "Why RabbitMQ doesn't list everything to the console; usually empty.",
    },
    "rejected": {"type": "integer", "description": "Rows that couldn't be read."},
}


class LivePages(PageNumbers):
    """Pages of a live list, with what is known of its reading."""

    read: Read

    def paginate_queryset(  # type: ignore[override]
        self, queryset: QuerySet[Any], request: Request, view: Any = None
    ) -> list[Any]:
        self.read = view.read
        return super().paginate_queryset(queryset, request, view)

    def get_paginated_response(self, data: Any) -> Response:
        response = super().get_paginated_response(data)
        trouble = self.read.trouble
        response.data = {
            "read_at": self.read.at,
            "trouble": trouble and {"code": trouble.code, "detail": trouble.sentence},
            "incomplete": self.read.remark,
            "rejected": self.read.rejected,
            **response.data,
        }
        return response

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        found = super().get_paginated_response_schema(schema)
        found["properties"] = {**_READING_SCHEMA, **found["properties"]}
        found["required"] = [*_READING_SCHEMA, *found.get("required", ())]
        return found


class _LiveView(ListModelMixin, ApiView):
    """A list that is read from the broker when it is requested, once for all viewers."""

    what: ClassVar[str]
    pagination_class = LivePages
    ordering: ClassVar[tuple[str, ...]] = ("id",)
    read: Read

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return MODELS[self.what].objects.none()
        self.read = read(self._broker(), self.what, timezone.now())
        return seen(self.read, self.request.user)

    def retrieve(self, request: Request, pk: str) -> Response:
        row = access_row(request.user, self.what, int(pk), Permission.CONNECTIONS_VIEW)
        self.read = read(row.broker, self.what, timezone.now())
        row = access_row(request.user, self.what, int(pk), Permission.CONNECTIONS_VIEW)
        return Response(self.get_serializer(row).data)

    def get_serializer_context(self) -> dict[str, Any]:
        found = getattr(self, "read", None)
        return {**super().get_serializer_context(), "read_at": found and found.at}

    def _broker(self) -> Broker:
        """Return the broker of the request. Raises NotAllowed, ValidationError."""
        require(self.request.user, Permission.CONNECTIONS_VIEW)
        found = brokers_for(self.request._request, Permission.CONNECTIONS_VIEW)
        text = self.request.query_params.get("broker")
        if text is not None:
            found = [one for one in found if text in (str(one.pk), one.name)]
            if not found:
                raise ValidationError({"broker": ["Broker not found. Send its ID or name."]})
        if len(found) != 1:
            raise ValidationError({"broker": ["Send the ID or name of one broker."]})
        return found[0]


_READS = {"list": Permission.CONNECTIONS_VIEW, "retrieve": Permission.CONNECTIONS_VIEW}


@extend_schema(tags=["connections"])
class ConnectionsView(_LiveView):
    """Open connections of one broker. Read from the broker when requested, shared for some seconds."""

    what = CONNECTIONS
    serializer_class = LiveConnectionRead
    filterset_class = filters_of_list("Connection", LiveConnection, CONNECTION_LIST, ("vhost",))
    ordering_fields = ordering_of_list(CONNECTION_LIST)
    console_permissions: ClassVar = {**_READS, "close": Permission.CONNECTIONS_CLOSE}
    query_parameters: ClassVar = {"close": PARAMETERS}

    @action(methods=["post"], detail=True, url_path="close", pagination_class=None)
    @changing(ReasonOnly)
    def close(self, request: Request, pk: str) -> Response:
        """Close a connection. RabbitMQ is asked at most once, and only if it is still the same connection.

        The client gets the reason. Its channels and consumers end, and unacked messages return to
        their queues. Clients usually reconnect.
        """
        row = access_row(request.user, self.what, int(pk), Permission.CONNECTIONS_CLOSE)
        assert isinstance(row, LiveConnection)  # noqa: S101 – what the list has
        body = sent(ReasonOnly, request, self.body(optional=True))
        return answer_change(
            request,
            f"{title_of(row)} on {row.broker.name}",
            lambda: [closing(row, request.user)],
            reason=body.get("reason", ""),
        )


@extend_schema(tags=["channels"])
class ChannelsView(_LiveView):
    """Open channels of one broker. Read from the broker when requested, shared for some seconds."""

    what = CHANNELS
    serializer_class = LiveChannelRead
    filterset_class = filters_of_list("Channel", LiveChannel, CHANNEL_LIST, ("vhost",))
    ordering_fields = ordering_of_list(CHANNEL_LIST)
    console_permissions: ClassVar = _READS


@extend_schema(tags=["consumers"])
class ConsumersView(_LiveView):
    """Consumers of one broker. Read from the broker when requested, shared for some seconds."""

    what = CONSUMERS
    serializer_class = LiveConsumerRead
    filterset_class = filters_of_list("Consumer", LiveConsumer, CONSUMER_LIST, ("vhost", "tag"))
    ordering_fields = ordering_of_list(CONSUMER_LIST)
    console_permissions: ClassVar = _READS


views = (
    (CONNECTIONS, ConnectionsView, "api-connections"),
    (CHANNELS, ChannelsView, "api-channels"),
    (CONSUMERS, ConsumersView, "api-consumers"),
)
