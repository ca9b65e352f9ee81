"""What the API returns of dead letters, and what it takes."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from console.faces.rest.fields import StrictSerializer, Text
from vhosts.messages.dead_letters.listing.groups import GroupRow
from vhosts.messages.dead_letters.listing.queues import DeadQueue
from vhosts.messages.dead_letters.replay.plan import Destination
from vhosts.messages.dead_letters.replay.service import Options


class OriginRead(serializers.Serializer[Any]):
    queue = serializers.CharField()
    exchange = serializers.CharField(help_text="The dead letter exchange; empty: the default one.")
    key = serializers.CharField(allow_null=True, help_text="Null: the message's own key.")
    set_by = serializers.CharField(help_text="The argument, or the name of the policy.")

    class Meta:
        ref_name = "DeadLetterOrigin"


class DeadQueueRead(serializers.Serializer[Any]):
    """A queue that holds dead letters, or may."""

    id = serializers.IntegerField(source="queue.pk", help_text="The queue's ID.")
    broker = serializers.IntegerField(source="queue.broker_id", help_text="The broker's ID.")
    broker_name = serializers.CharField(source="queue.broker.name")
    vhost = serializers.CharField(source="queue.vhost")
    name = serializers.CharField(source="queue.name")
    why = serializers.ChoiceField(
        choices=["holds", "marked", "passes", "looks", "not"],
        help_text="holds: dead letters stay in it. marked: somebody said so. passes: they only come through. "
        "looks: only its name says so. not: somebody said that it isn't one.",
    )
    origins = OriginRead(many=True)
    messages = serializers.IntegerField(source="queue.total", allow_null=True)
    stale = serializers.BooleanField(help_text="Whether the figures are out of date.")
    new_last_hour = serializers.IntegerField(
        source="figures.new", allow_null=True, help_text="At least; null: unknown."
    )
    usual_per_hour = serializers.FloatField(source="figures.usual", allow_null=True)
    sampled_at = serializers.SerializerMethodField()
    sampled_messages = serializers.SerializerMethodField()
    sample_trouble = serializers.SerializerMethodField()

    class Meta:
        ref_name = "DeadLetterQueue"

    def get_sampled_at(self, row: DeadQueue) -> str | None:
        at = row.sample.read_at if row.sample and row.may_view else None
        return at.isoformat() if at else None

    def get_sampled_messages(self, row: DeadQueue) -> int | None:
        return row.sample.read if row.sample and row.sample.read_at and row.may_view else None

    def get_sample_trouble(self, row: DeadQueue) -> str:
        return row.sample.trouble if row.sample and row.may_view else ""


class DeadGroupRead(serializers.Serializer[Any]):
    """Dead letters that are alike, in the last samples."""

    id = serializers.IntegerField()
    broker = serializers.IntegerField(source="broker.pk", help_text="The broker's ID.")
    broker_name = serializers.CharField(source="broker.name")
    vhost = serializers.CharField()
    queues = serializers.SerializerMethodField(help_text="The queues that hold them.")
    origins = serializers.ListField(child=serializers.CharField(allow_blank=True))
    reasons = serializers.ListField(child=serializers.CharField(allow_blank=True))
    exception = serializers.CharField(help_text="Of one message; empty: none, or hidden.")
    exception_header = serializers.CharField(source="header")
    exception_hidden = serializers.BooleanField(source="hidden", help_text="By a masking rule.")
    messages = serializers.IntegerField(source="count")
    shapes = serializers.ListField(child=serializers.CharField())
    first_death_at = serializers.DateTimeField(allow_null=True)
    last_death_at = serializers.DateTimeField(allow_null=True)
    most_times = serializers.IntegerField(help_text="How often one of them died.")
    sampled_at = serializers.DateTimeField(source="seen_at")
    is_old = serializers.BooleanField(help_text="Whether a queue changed since its sample.")
    is_part = serializers.BooleanField(help_text="Whether a sample didn't reach a queue's end.")

    class Meta:
        ref_name = "DeadLetterGroup"

    def get_queues(self, row: GroupRow) -> list[str]:
        return [one.queue.name for one in row.held_in]


class SampledRead(serializers.Serializer[Any]):
    read = serializers.IntegerField()
    groups = serializers.IntegerField()
    trouble = serializers.CharField(help_text="Why the queue wasn't read; empty if it was.")

    class Meta:
        ref_name = "DeadLetterSampled"


class ReplayNew(StrictSerializer):
    exchange = Text(required=False, allow_blank=True, max_length=255, help_text="Default: the exchange of each message's first death.")  # fmt: skip
    routing_key = Text(required=False, allow_blank=True, max_length=255, help_text="Default: the key of each message's first death.")  # fmt: skip
    rate = serializers.IntegerField(required=False, min_value=1, max_value=100_000, help_text="Messages a second at most.")  # fmt: skip
    skip_hours = serializers.IntegerField(required=False, min_value=1, max_value=100_000, help_text="Leave messages that died longer ago.")  # fmt: skip
    stop_percent = serializers.IntegerField(required=False, min_value=1, max_value=100, help_text="Stop when more than so many of 100 come back.")  # fmt: skip
    messages = serializers.ListField(child=Text(max_length=32), required=False, max_length=500, help_text="Fingerprints of single messages. Default: all.")  # fmt: skip
    reason = Text(required=False, allow_blank=True, max_length=2000)

    class Meta:
        ref_name = "DeadLetterReplayNew"

    def options(self) -> Options:
        given = self.validated_data
        return Options(
            Destination(given.get("exchange"), given.get("routing_key")),
            given.get("rate"), given.get("skip_hours"), given.get("stop_percent"),
            given.get("reason", "").strip(), tuple(given.get("messages", ())),
        )  # fmt: skip


class WayRead(serializers.Serializer[Any]):
    exchange = serializers.CharField()
    routing_key = serializers.CharField(source="key")
    messages = serializers.IntegerField(source="count")
    outcome = serializers.CharField(help_text="routed, unroutable, depends or refused.")
    queues = serializers.ListField(child=serializers.CharField())
    comes_back = serializers.BooleanField(source="back")

    class Meta:
        ref_name = "DeadLetterWay"


class ReplayRead(serializers.Serializer[Any]):
    """A job that was started, or what it would do (`dry_run`)."""

    job = serializers.UUIDField(allow_null=True)
    read = serializers.IntegerField(allow_null=True)
    messages = serializers.IntegerField(allow_null=True)
    routed = serializers.IntegerField(allow_null=True)
    not_routed = serializers.IntegerField(allow_null=True)
    older = serializers.IntegerField(allow_null=True)
    without_origin = serializers.IntegerField(allow_null=True)
    moved_before = serializers.IntegerField(allow_null=True)
    ways = WayRead(many=True)
    trouble = serializers.CharField()

    class Meta:
        ref_name = "DeadLetterReplay"


class DiscardNew(StrictSerializer):
    name = Text(required=False, allow_blank=True, max_length=255, help_text="The queue's name; needed in production.")  # fmt: skip
    reason = Text(required=False, allow_blank=True, max_length=2000)

    class Meta:
        ref_name = "DeadLetterDiscardNew"
