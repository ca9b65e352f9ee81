"""Drift in the API: what differs, and how to resolve it."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.rights import Permission
from accessctl.visibility.changes import managed_seen_by
from console.engine.drift import drift_state
from console.errors import InvalidField
from console.faces.pages.words import counted
from console.faces.rest.drawn.change_fields import FieldChangeRead
from console.faces.rest.drawn.changing import (
    PARAMETERS,
    BrokerField,
    Reasoned,
    answer_change,
    changing,
    sent,
)
from console.faces.rest.fields import Number, Text
from console.faces.rest.filters import BrokerFilter
from console.faces.rest.views import ApiView
from console.faces.seen import seen_kinds
from console.kinds.registry import KINDS
from console.models import ManagedObject, Sync
from console.reconcile.drift import DriftState
from vhosts.drift.resolve import ACTS, MOST_AT_ONCE, adopt, objections, resolve_drift

_STATES = [DriftState.DRIFTED.value, DriftState.MISSING.value, DriftState.RETURNED.value]


class DriftRead(serializers.Serializer[Any]):
    """An object that differs from its desired state. In `fields`, `before` is the desired value and `after` the value on the broker."""

    id = serializers.IntegerField()
    broker = serializers.IntegerField(source="broker_id")
    broker_name = serializers.CharField(source="broker.name")
    kind = serializers.CharField()
    key = serializers.SerializerMethodField()
    state = serializers.SerializerMethodField(help_text="drifted, missing or returned.")
    reason = serializers.CharField()
    since = serializers.DateTimeField(source="drifted_since")
    generation = serializers.IntegerField()
    fields_ = FieldChangeRead(many=True)

    class Meta:
        ref_name = "Drift"

    def get_fields(self) -> dict[str, Any]:
        found = super().get_fields()
        found["fields"] = FieldChangeRead(many=True, source="drift")
        del found["fields_"]
        return found

    @extend_schema_field(serializers.DictField(child=serializers.CharField()))
    def get_key(self, row: ManagedObject) -> dict[str, str]:
        return dict(zip(KINDS[row.kind].identity, row.key, strict=True))

    @extend_schema_field(serializers.ChoiceField(choices=_STATES))
    def get_state(self, row: ManagedObject) -> str:
        return drift_state(row).value


class DriftFilters(django_filters.FilterSet):
    broker = BrokerFilter()
    kind = django_filters.ChoiceFilter(choices=[(kind, kind) for kind in seen_kinds()])

    class Meta:
        model = ManagedObject
        fields: list[str] = []


class DriftResolve(Reasoned):
    act = serializers.ChoiceField(choices=list(ACTS.items()))
    ids = serializers.ListField(
        child=Number(min_value=1, max_value=2**63 - 1), min_length=1, max_length=MOST_AT_ONCE
    )

    class Meta:
        ref_name = "DriftResolve"


class DriftAdopt(Reasoned):
    broker = BrokerField(help_text="A broker's ID or name.")
    kind = serializers.ChoiceField(choices=list(seen_kinds()))
    keys = serializers.ListField(
        child=serializers.DictField(child=Text(max_length=255)), min_length=1, max_length=MOST_AT_ONCE,
        help_text='Such as `{"vhost": "/", "user": "app"}`.',
    )  # fmt: skip

    class Meta:
        ref_name = "DriftAdopt"


class DriftView(ListModelMixin, ApiView):
    """Objects managed here that were changed elsewhere."""

    nouns = ("drifted objects", "drifted object")
    serializer_class = DriftRead
    filterset_class = DriftFilters
    ordering_fields = {"since": "drifted_since", "broker": "broker__name", "kind": "kind"}
    ordering = ("-since",)
    console_permissions = {
        "list": Permission.DRIFT_VIEW,
        "resolve": Permission.DRIFT_RESOLVE,
        "adopt": Permission.DRIFT_RESOLVE,
    }
    query_parameters = {"resolve": PARAMETERS, "adopt": PARAMETERS}

    def get_queryset(self) -> QuerySet[ManagedObject]:
        rows = managed_seen_by(self.request.user).filter(sync=Sync.DRIFTED)
        return rows.select_related("broker")

    @changing(DriftResolve)
    @action(
        methods=["post"],
        detail=False,
        url_path="resolve",
        pagination_class=None,
        filter_backends=(),
    )
    def resolve(self, request: Request) -> Response:
        """Restore the desired state, or accept the broker's state."""
        body = sent(DriftResolve, request, self.body())
        rows = list(
            managed_seen_by(request.user)
            .filter(pk__in=body["ids"])
            .select_related("broker__status")
        )
        if len(rows) != len(set(body["ids"])):
            raise InvalidField(
                "ids", "Some of these objects don't exist, or you aren't allowed to see them."
            )
        count = counted(len(rows), "object")
        return answer_change(
            request,
            f"{ACTS[body['act']]}: {count}",
            lambda: resolve_drift(rows, body["act"], acting_user=request.user),
            reason=body.get("reason", ""),
            objections=lambda made: {desired.ref: objections(desired) for desired in made},
        )

    @changing(DriftAdopt)
    @action(
        methods=["post"], detail=False, url_path="adopt", pagination_class=None, filter_backends=()
    )
    def adopt(self, request: Request) -> Response:
        """Adopt unmanaged objects as they are on the broker."""
        body = sent(DriftAdopt, request, self.body())
        names = KINDS[body["kind"]].identity
        keys = []
        for number, key in enumerate(body["keys"]):
            if set(key) != set(names):
                raise InvalidField(
                    f"keys.{number}", f"The key must have the fields {', '.join(names)}."
                )
            keys.append(tuple(key[name] for name in names))
        return answer_change(
            request,
            f"Adopt {counted(len(keys), 'object')} on {body['broker'].name}",
            lambda: adopt(body["broker"], body["kind"], keys, acting_user=request.user),
            reason=body.get("reason", ""),
        )
