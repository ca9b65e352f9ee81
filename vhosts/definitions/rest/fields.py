"""Import plans and backups in API responses."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from console.faces.rest.fields import Number, StrictSerializer


class PlannedRead(serializers.Serializer[Any]):
    """An object. `state`: planned, refused (no right), held (needs `replace`) or impossible."""

    kind = serializers.CharField()
    key = serializers.ListField(child=serializers.CharField())
    op = serializers.CharField()
    state = serializers.CharField()
    why = serializers.CharField()
    field = serializers.CharField(
        help_text="The field, or part of the key, that `why` is about; empty for the whole object."
    )
    remedy = serializers.CharField(
        help_text="The transformation that removes the cause; empty for none."
    )
    fields_ = serializers.ListField(child=serializers.DictField())
    messages_lost = serializers.IntegerField(allow_null=True, help_text="Null if unknown.")

    class Meta:
        ref_name = "PlannedObject"

    def get_fields(self) -> dict[str, Any]:
        return {name.rstrip("_"): field for name, field in super().get_fields().items()}


class FindingRead(serializers.Serializer[Any]):
    level = serializers.CharField()
    text = serializers.CharField()

    class Meta:
        ref_name = "Finding"


class RemedyRead(serializers.Serializer[Any]):
    """A transformation; send its name in `transformations`."""

    name = serializers.CharField()
    about = serializers.CharField()

    class Meta:
        ref_name = "Remedy"


class ImportPlanRead(serializers.Serializer[Any]):
    """The planned result of an import. Nothing is stored."""

    in_sync = serializers.BooleanField()
    sound = serializers.BooleanField(help_text="Whether the whole file can be imported.")
    counts = serializers.DictField(child=serializers.IntegerField())
    rows = PlannedRead(many=True)
    rows_left_out = serializers.IntegerField()
    findings = FindingRead(many=True)
    findings_left_out = serializers.IntegerField()
    objections = serializers.ListField(child=serializers.CharField())
    remedies = RemedyRead(
        many=True, help_text="Transformations that remove why objects are impossible."
    )
    fingerprint = serializers.CharField(help_text="Send it as If-Match to apply exactly this plan.")
    version = serializers.CharField(help_text="The broker's RabbitMQ version.")

    class Meta:
        ref_name = "ImportPlan"


class AppliedRead(serializers.Serializer[Any]):
    """The accepted change; null if there was nothing to do."""

    change = serializers.UUIDField(allow_null=True)
    state = serializers.CharField()
    counts = serializers.DictField(child=serializers.IntegerField())

    class Meta:
        ref_name = "ImportAccepted"


class ComparisonRead(serializers.Serializer[Any]):
    """The differences from the older to the newer definitions."""

    counts = serializers.DictField(child=serializers.IntegerField())
    rows = PlannedRead(many=True)
    left_out = serializers.ListField(
        child=serializers.CharField(), help_text="What couldn't be read and isn't compared."
    )

    class Meta:
        ref_name = "BackupComparison"


class BackupRead(serializers.Serializer[Any]):
    """The definitions of a broker from `taken_at` to `checked_at`."""

    id = serializers.IntegerField()
    broker = serializers.IntegerField(source="broker_id")
    broker_name = serializers.CharField(source="broker.name")
    taken_at = serializers.DateTimeField()
    checked_at = serializers.DateTimeField(
        help_text="When the definitions were last found unchanged."
    )
    digest = serializers.CharField()
    objects = serializers.IntegerField(source="objects_count")
    left_out = serializers.ListField(
        child=serializers.CharField(), help_text="Objects that couldn't be read."
    )
    size = serializers.IntegerField(help_text="In bytes.")
    rabbitmq_version = serializers.CharField()
    origin = serializers.CharField()

    class Meta:
        ref_name = "Backup"


class BackupWrite(StrictSerializer):
    broker = Number(min_value=1, max_value=2**63 - 1, help_text="The broker's ID.")

    class Meta:
        ref_name = "BackupRequest"
