"""Limits of virtual hosts and users in the API: a view of the objects that they belong to."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accessctl.rights import Permission
from console.errors import InvalidField
from console.faces.rest.drawn.changing import (
    ETAG,
    PARAMETERS,
    BrokerField,
    Reasoned,
    ReasonOnly,
    answer_change,
    changing,
    expected_generation,
    sent,
)
from console.faces.rest.drawn.managed import Managed
from console.faces.rest.fields import Number, Text
from console.faces.rest.filters import BrokerFilter, TextFilter
from console.faces.rest.ordering import AllowedOrdering, asked_order
from console.faces.rest.views import ApiView
from console.kinds.user import USER
from console.kinds.vhost import VHOST
from console.models import Broker
from vhosts.limits.find import ID, NAMES, Limit, access_limit, lay_managed, limited, limits_of
from vhosts.limits.set import set_limit
from vhosts.models import VirtualHost

_KINDS = [(VHOST.name, "Virtual host"), (USER.name, "User")]
_ALL_NAMES = sorted({name for names in NAMES.values() for name in names})
_WRITES = ("create", "partial_update", "destroy")


class LimitRead(Managed):
    """A limit as seen on a broker. `sync`, `generation` and related fields describe the virtual host or user as a whole."""

    id = serializers.CharField()
    broker = serializers.IntegerField(source="broker_id", help_text="The broker's ID.")
    broker_name = serializers.CharField()
    kind = serializers.ChoiceField(choices=_KINDS, help_text="What the limit applies to.")
    vhost = serializers.CharField(allow_null=True, help_text="Null for a user's limit.")
    user = serializers.CharField(allow_null=True, help_text="Null for a virtual host's limit.")
    name = serializers.CharField(help_text=", ".join(_ALL_NAMES))
    value = serializers.IntegerField(help_text="0 allows none.")
    inventory_at = serializers.DateTimeField(
        allow_null=True, help_text="When the broker's objects were last listed."
    )

    class Meta:
        ref_name = "Limit"


class LimitChange(Reasoned):
    value = Number(help_text="0 or more; 0 allows none. To remove the limit, use DELETE.")

    class Meta:
        ref_name = "LimitChange"


class LimitNew(LimitChange):
    broker = BrokerField(help_text="A broker's ID or name.")
    vhost = Text(required=False, max_length=255, help_text="Send this or `user`.")
    user = Text(required=False, max_length=255, help_text="Send this or `vhost`.")
    name = Text(
        max_length=40,
        help_text="vhost: max-connections, max-queues; user: max-connections, max-channels.",
    )

    class Meta:
        ref_name = "LimitNew"


class LimitFilters(django_filters.FilterSet):
    broker = BrokerFilter()
    kind = django_filters.ChoiceFilter(choices=_KINDS, help_text="What the limit applies to.")
    vhost = TextFilter(help_text="The exact name of the virtual host. Returns only its limits.")
    user = TextFilter(help_text="The exact name of the user. Returns only its limits.")
    name = TextFilter(help_text=f"The exact name of the limit: {', '.join(_ALL_NAMES)}.")

    class Meta:
        model = VirtualHost
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Any]) -> Any:
        """Return all matching limits of both kinds. Two queries."""
        asked = self.form.cleaned_data
        found: list[Limit] = []
        for kind, other in ((VHOST.name, USER.name), (USER.name, VHOST.name)):
            if asked["kind"] not in ("", None, kind) or asked[other]:
                continue
            owners = limited(kind, self.request.user)
            if asked["broker"]:
                owners = self.filters["broker"].filter(owners, asked["broker"])
            if asked[kind]:
                owners = owners.filter(name=asked[kind])
            found += limits_of(kind, owners)
        return [limit for limit in found if asked["name"] in ("", limit.name)]


class LimitOrdering(AllowedOrdering):
    """Sort limits as a list, because they aren't rows of their own."""

    def filter_queryset(self, request: Request, queryset: Any, view: APIView) -> Any:
        found: list[Limit] = sorted(queryset, key=lambda limit: limit.id)
        for column, descending in reversed(asked_order(request, view)):
            found.sort(key=lambda limit: _comparable(limit, column), reverse=descending)
        return found


def _comparable(limit: Limit, column: str) -> Any:
    value = getattr(limit, column)
    return value if isinstance(value, int) else str(value)


@extend_schema_view(list=extend_schema(summary="List limits of virtual hosts and users"))
class LimitsView(ListModelMixin, ApiView):
    """Limits of virtual hosts and users."""

    serializer_class = LimitRead
    filterset_class = LimitFilters
    filter_backends = (django_filters.rest_framework.DjangoFilterBackend, LimitOrdering)
    ordering_fields = {
        "id": "id", "broker": "broker_name", "kind": "kind", "owner": "owner_name", "name": "name",
        "value": "value",
    }  # fmt: skip
    ordering = ("broker", "kind", "owner", "name")
    lookup_value_regex = ID
    console_permissions = {
        "list": Permission.VHOSTS_VIEW,
        "retrieve": Permission.VHOSTS_VIEW,
        **dict.fromkeys(_WRITES, Permission.VHOSTS_LIMIT),
    }
    query_parameters = dict.fromkeys(_WRITES, PARAMETERS)

    def get_queryset(self) -> QuerySet[Any]:
        return VirtualHost.objects.none()

    def paginate_queryset(self, queryset: Any) -> Any:
        rows = super().paginate_queryset(queryset)
        lay_managed(rows or [])
        return rows

    def get_object(self) -> Limit:
        limit = access_limit(self.request.user, self.kwargs["pk"])
        lay_managed([limit])
        return limit

    @extend_schema(responses=LimitRead, parameters=[ETAG], filters=False)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Get a limit."""
        data = LimitRead(self.get_object()).data
        return Response(data, headers={"ETag": f'"{data["generation"]}"'})

    @changing(LimitNew, if_match=True)
    def create(self, request: Request) -> Response:
        """Set a limit of a virtual host or user (`rabbitmqctl set_vhost_limits`, `set_user_limits`). Replaces an existing limit."""
        generation = expected_generation(request)
        fields = sent(LimitNew, request, self.body())
        given = [kind for kind in NAMES if kind in fields]
        if len(given) != 1:
            raise InvalidField("vhost", "Send either vhost or user.")
        kind = given[0]
        return _answer(
            request, fields["broker"], kind, fields[kind], fields["name"], fields["value"],
            generation, fields.get("reason", ""),
        )  # fmt: skip

    @changing(LimitChange, if_match=True)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Edit a limit."""
        limit, generation = self.get_object(), expected_generation(request)
        fields = sent(LimitChange, request, self.body())
        return _answer(
            request, limit.owner.broker, limit.kind, limit.owner.name, limit.name, fields["value"],
            generation, fields.get("reason", ""),
        )  # fmt: skip

    @changing(ReasonOnly, if_match=True)
    def destroy(self, request: Request, pk: str) -> Response:
        """Clear a limit of a virtual host or user."""
        limit, generation = self.get_object(), expected_generation(request)
        body = sent(ReasonOnly, request, self.body(optional=True))
        return _answer(
            request, limit.owner.broker, limit.kind, limit.owner.name, limit.name, None,
            generation, body.get("reason", ""),
        )  # fmt: skip


def _answer(
    request: Request,
    broker: Broker,
    kind: str,
    owner: str,
    name: str,
    value: int | None,
    generation: int | None,
    reason: str,
) -> Response:
    what = (
        f"{name} of the {'virtual host' if kind == VHOST.name else 'user'} {owner} on {broker.name}"
    )
    return answer_change(
        request,
        f"Clear the limit {what}" if value is None else f"Set the limit {what} to {value}",
        lambda: [
            set_limit(
                broker=broker,
                kind=kind,
                owner=owner,
                name=name,
                value=value,
                acting_user=request.user,
                expected_generation=generation,
            )
        ],
        reason=reason,
    )
