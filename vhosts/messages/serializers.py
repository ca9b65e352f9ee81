"""A message in the API, as its reader may see it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class RowSerializer(serializers.Serializer[Any]):
    """A header or property."""

    name = serializers.CharField()
    type = serializers.CharField(
        help_text="The kind of value: string, integer, table, …. Empty if it is masked."
    )
    text = serializers.CharField()
    masked = serializers.BooleanField(help_text="A masking rule hides the value or a part of it.")

    class Meta:
        ref_name = "MessageRow"


class DeathSerializer(serializers.Serializer[Any]):
    """An entry of x-death."""

    queue = serializers.CharField()
    reason = serializers.CharField()
    exchange = serializers.CharField()
    routing_keys = serializers.ListField(child=serializers.CharField())
    count = serializers.IntegerField(allow_null=True)
    at = serializers.DateTimeField(allow_null=True)

    class Meta:
        ref_name = "MessageDeath"


class TriedSerializer(serializers.Serializer[Any]):
    """A decoder that failed."""

    decoder = serializers.CharField()
    reason = serializers.CharField()

    def to_representation(self, tried: tuple[str, str]) -> dict[str, str]:
        decoder, reason = tried
        return {"decoder": decoder, "reason": reason}

    class Meta:
        ref_name = "MessageDecoderTried"


class PayloadSerializer(serializers.Serializer[Any]):
    """A body, decoded."""

    decoder = serializers.CharField()
    text = serializers.CharField()
    truncated = serializers.BooleanField(help_text="Only the beginning is shown.")
    masked = serializers.BooleanField(help_text="A masking rule hides a part of it.")
    tried = TriedSerializer(many=True)

    class Meta:
        ref_name = "MessagePayload"


class ShownMessageSerializer(serializers.Serializer[Any]):
    """A message as the reader may see it."""

    exchange = serializers.CharField()
    routing_key = serializers.CharField()
    redelivered = serializers.BooleanField()
    properties = RowSerializer(many=True)
    headers = RowSerializer(many=True)
    deaths = DeathSerializer(many=True)
    size = serializers.IntegerField(help_text="Bytes of the body.")
    payload = PayloadSerializer(allow_null=True, help_text="Null if the reader may not see it.")
    reason = serializers.CharField(help_text="Why the payload isn't shown. Empty if it is.")

    class Meta:
        ref_name = "ShownMessage"
