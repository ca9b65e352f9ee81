"""Plans of imports, and backups, as the API answers them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from console.faces.rest.fields import Number, StrictSerializer


class PlannedRead(serializers.Serializer[Any]):
    """One object. `state`: planned, refused (no right), held (needs `replace`) or impossible."""

    kind = serializers.CharField()
    key = serializers.ListField(child=serializers.CharField())
    op = serializers.CharField()
    state = serializers.CharField()
    why = serializers.CharField()
    fields_ = serializers.ListField(child=serializers.DictField())
    messages_lost = serializers.IntegerField(allow_null=True, help_text="Null: not known.")

    class Meta:
        ref_name = "PlannedObject"

    def get_fields(self) -> dict[str, Any]:
        return {name.rstrip("_"): field for name, field in super().get_fields().items()}


class FindingRead(serializers.Serializer[Any]):
    level = serializers.CharField()
    text = serializers.CharField()

    class Meta:
        ref_name = "Finding"


class ImportPlanRead(serializers.Serializer[Any]):
    """What an import would do. Nothing of it is kept."""

    in_sync = serializers.BooleanField()
    sound = serializers.BooleanField(help_text="Whether all of the file can be done.")
    counts = serializers.DictField(child=serializers.IntegerField())
    rows = PlannedRead(many=True)
    rows_left_out = serializers.IntegerField()
    findings = FindingRead(many=True)
    findings_left_out = serializers.IntegerField()
    objections = serializers.ListField(child=serializers.CharField())
    fingerprint = serializers.CharField(help_text="Send it as If-Match to apply this very plan.")
    version = serializers.CharField(help_text="The broker's.")

    class Meta:
        ref_name = "ImportPlan"


class AppliedRead(serializers.Serializer[Any]):
    """The change that was accepted; null where there was nothing to do."""

    change = serializers.UUIDField(allow_null=True)
    state = serializers.CharField()
    counts = serializers.DictField(child=serializers.IntegerField())

    class Meta:
        ref_name = "ImportAccepted"


class ComparisonRead(serializers.Serializer[Any]):
    """What turned the older into the newer."""

    counts = serializers.DictField(child=serializers.IntegerField())
    rows = PlannedRead(many=True)
    left_out = serializers.ListField(
        child=serializers.CharField(), help_text="What could not be read, and so is not compared."
    )

    class Meta:
        ref_name = "BackupComparison"


class BackupRead(serializers.Serializer[Any]):
    """What was on a broker from `taken_at` until `checked_at`."""

    id = serializers.IntegerField()
    broker = serializers.IntegerField(source="broker_id")
    broker_name = serializers.CharField(source="broker.name")
    taken_at = serializers.DateTimeField()
    checked_at = serializers.DateTimeField(help_text="When it was last found unchanged.")
    digest = serializers.CharField()
    objects = serializers.IntegerField(source="objects_count")
    left_out = serializers.ListField(
        child=serializers.CharField(), help_text="What was there and could not be read."
    )
    size = serializers.IntegerField(help_text="Bytes.")
    rabbitmq_version = serializers.CharField()
    origin = serializers.CharField()

    class Meta:
        ref_name = "Backup"


class BackupWrite(StrictSerializer):
    broker = Number(min_value=1, max_value=2**63 - 1, help_text="The broker's id.")

    class Meta:
        ref_name = "BackupRequest"
