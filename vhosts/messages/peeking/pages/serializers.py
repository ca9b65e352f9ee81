"""Reading messages in the API: what is sent, and what is answered."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from console.faces.rest.fields import Flag, Number, StrictSerializer, Text
from vhosts.messages.peeking.rows import Row
from vhosts.messages.peeking.wanted import DEFAULT, MOST, STARTS
from vhosts.messages.serializers import ShownMessageSerializer


class PeekMatch(StrictSerializer):
    """What a message must contain, ignoring case. Judged by what you may see of it."""

    header = Text(required=False, help_text="A header's name, or `name=value`.")
    property = Text(required=False, help_text="A property's name, or `name=value`.")
    key = Text(required=False, help_text="A part of the routing key.")
    exchange = Text(required=False, help_text="A part of the exchange's name.")
    body = Text(required=False, help_text="A part of the decoded body.")

    class Meta:
        ref_name = "PeekMatch"


@extend_schema_field(OpenApiTypes.DATETIME)
class _Time(serializers.CharField):
    pass


class PeekWrite(StrictSerializer):
    """How many messages to read, and of a stream from where."""

    count = Number(required=False, default=DEFAULT, min_value=1, max_value=MOST)
    # `from` is a word of Python; see get_fields.
    offset = Number(
        required=False, min_value=0, help_text="Streams, with `from` offset: the first offset."
    )
    time = _Time(required=False, help_text="Streams, with `from` time.")
    filter = serializers.ListField(
        child=Text(), required=False,
        help_text="Streams, from RabbitMQ 3.13 on: values of `x-stream-filter-value`.",
    )  # fmt: skip
    unfiltered = Flag(
        required=False, default=False, help_text="With `filter`: also messages without a value."
    )
    match = PeekMatch(required=False, help_text="Which of the messages read are returned.")

    def get_fields(self) -> Any:
        start = serializers.ChoiceField(
            choices=STARTS, required=False, default="first", help_text="Streams: where to start."
        )
        return {**super().get_fields(), "from": start}

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        for name in ("offset", "time"):
            if data["from"] == name and data.get(name) is None:
                raise ValidationError({name: [f"Required with `from` {name}."]})
        return data

    class Meta:
        ref_name = "PeekRequest"


class PeekedMessage(ShownMessageSerializer):
    """A message that was read."""

    position = serializers.IntegerField(help_text="From 1, in the order of the queue.")
    offset = serializers.IntegerField(allow_null=True, help_text="Its offset, in a stream.")
    published_at = serializers.DateTimeField(
        allow_null=True, help_text="Its property `timestamp`, set by its publisher."
    )
    read = serializers.IntegerField(
        allow_null=True,
        help_text="Bytes of the body that were read, if it is too large; else null.",
    )

    def to_representation(self, row: Row) -> Any:
        shown = ShownMessageSerializer(row.message).data
        at = row.published_at
        return {
            "position": row.at,
            "offset": row.offset,
            "published_at": None if at is None else at.isoformat(),
            "read": row.read,
            **shown,
        }

    class Meta:
        ref_name = "PeekedMessage"


class PeekRead(serializers.Serializer[Any]):
    """What was read. All messages of a queue are back in it, marked as redelivered."""

    messages = PeekedMessage(many=True)
    read = serializers.IntegerField(help_text="How many were read, also those that don't match.")
    way = serializers.ChoiceField(
        choices=["amqp", "http", "stream"],
        help_text="`http`: over the management API, which loses types of headers.",
    )
    ended = serializers.ChoiceField(
        choices=["empty", "count", "bytes", "time", "limit", "caught_up"],
        help_text="Why reading ended: no more messages, as many as you want, too many bytes, too "
        "slow, a message near its delivery limit, or the end of the stream.",
    )
    left = serializers.IntegerField(
        allow_null=True, help_text="Ready messages behind those read; null if that is unknown."
    )
    looks_left = serializers.IntegerField(
        allow_null=True,
        help_text="How many more looks the console allows at these messages, where each one counts "
        "against the delivery limit; null if none counts.",
    )
    copied = serializers.IntegerField(
        help_text="Messages without a return left: a confirmed copy is at the end of the queue."
    )
    endangered = serializers.IntegerField(
        help_text="Messages without a return left that couldn't be copied; RabbitMQ dead-letters "
        "or deletes them."
    )
    notes = serializers.ListField(child=serializers.CharField())

    class Meta:
        ref_name = "Peek"
