"""The desired state of an object, next to its state on the broker: its fields in the API, and how a
view reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request as ApiRequest
from rest_framework.response import Response

from console.faces.rest.drawn.changing import ETAG
from console.kinds.common.kind import Key
from console.models import ManagedObject, Sync

UNMANAGED = "unmanaged"
#: A retired object that exists again was never requested, so it is unmanaged.
_SYNC_CHOICES = [
    *(choice for choice in Sync.choices if choice[0] != Sync.RETIRED),
    (UNMANAGED, "Unmanaged"),
]


class Managed(serializers.Serializer[Any]):
    """The desired state of an object, next to its state on the broker."""

    sync = serializers.SerializerMethodField()
    generation = serializers.SerializerMethodField(
        help_text="Increases with each requested change; 0 if there was none."
    )
    verified_generation = serializers.SerializerMethodField(
        help_text="The generation last verified on the broker."
    )
    verified_at = serializers.SerializerMethodField(
        help_text="When the object was last verified on the broker."
    )
    reason = serializers.SerializerMethodField(
        help_text="Why the object isn't in sync, in one sentence."
    )

    managed_by = serializers.SerializerMethodField(
        help_text="The folder of definitions that owns the object: change it there. Empty for none."
    )
    managed_revision = serializers.SerializerMethodField(
        help_text="The folder's commit that last changed the object."
    )

    @extend_schema_field(serializers.CharField())
    def get_managed_by(self, row: Any) -> str:
        managed = self._managed(row)
        return managed.source if managed else ""

    @extend_schema_field(serializers.CharField())
    def get_managed_revision(self, row: Any) -> str:
        managed = self._managed(row)
        return managed.source_revision if managed else ""

    @extend_schema_field(serializers.ChoiceField(choices=_SYNC_CHOICES))
    def get_sync(self, row: Any) -> str:
        managed = self._managed(row)
        return str(managed.sync) if managed and managed.sync != Sync.RETIRED else UNMANAGED

    @extend_schema_field(serializers.IntegerField())
    def get_generation(self, row: Any) -> int:
        managed = self._managed(row)
        return managed.generation if managed else 0

    @extend_schema_field(serializers.IntegerField())
    def get_verified_generation(self, row: Any) -> int:
        managed = self._managed(row)
        return managed.verified_generation if managed else 0

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_verified_at(self, row: Any) -> Any:
        managed = self._managed(row)
        return managed.verified_at if managed else None

    @extend_schema_field(serializers.CharField())
    def get_reason(self, row: Any) -> str:
        managed = self._managed(row)
        return managed.reason if managed and managed.sync != Sync.RETIRED else ""

    def _managed(self, row: Any) -> ManagedObject | None:
        found: ManagedObject | None = getattr(row, "managed", None)
        return found


class WithManaged:
    """For views whose rows are objects on brokers: each row gets `managed`, in one query per page;
    a single row also gets its ETag. `managed_kind` and `managed_key` identify a row's object."""

    managed_kind: str
    managed_key: tuple[str, ...]

    def paginate_queryset(self, queryset: Any) -> Any:
        rows = super().paginate_queryset(queryset)  # type: ignore[misc]
        self._lay_managed(rows or [])
        return rows

    def get_object(self) -> Any:
        row = super().get_object()  # type: ignore[misc]
        self._lay_managed([row])
        return row

    @extend_schema(parameters=[ETAG])
    def retrieve(self, request: ApiRequest, *args: Any, **kwargs: Any) -> Response:
        answer: Response = super().retrieve(request, *args, **kwargs)  # type: ignore[misc]
        answer["ETag"] = f'"{answer.data["generation"]}"'
        return answer

    def key_of(self, row: Any) -> Key:
        return tuple(getattr(row, name) for name in self.managed_key)

    def _lay_managed(self, rows: Sequence[Any]) -> None:
        keys = [list(self.key_of(row)) for row in rows]
        found = ManagedObject.objects.filter(
            kind=self.managed_kind, key__in=keys, broker__in={row.broker_id for row in rows}
        )
        by_key = {(one.broker_id, tuple(one.key)): one for one in found} if rows else {}
        for row in rows:
            row.managed = by_key.get((row.broker_id, self.key_of(row)))
