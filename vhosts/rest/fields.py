from __future__ import annotations

from datetime import datetime
from typing import Any

from rest_framework import serializers

from vhosts.lists import rates_read_at
from vhosts.models import Queue
from vhosts.queues.outages import outage_of


class SeenOnBroker(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    broker = serializers.IntegerField(source="broker_id", help_text="The broker's ID.")
    broker_name = serializers.CharField(source="broker.name")


class QueueRead(SeenOnBroker):
    """A queue as seen on a broker, with its depth at `depth_at`. Null means unknown."""

    vhost = serializers.CharField()
    name = serializers.CharField()
    type = serializers.CharField(help_text="Empty until the first inventory.")
    state = serializers.CharField(
        help_text="running, idle, flow, down (its node is down), minority (too few members "
        "online), … Empty if unknown."
    )
    node = serializers.CharField()
    durable = serializers.BooleanField(allow_null=True)
    auto_delete = serializers.BooleanField(allow_null=True)
    exclusive = serializers.BooleanField(allow_null=True)
    arguments = serializers.DictField()
    policy = serializers.CharField()
    operator_policy = serializers.CharField()
    ready = serializers.IntegerField(allow_null=True)
    unacked = serializers.IntegerField(allow_null=True)
    total = serializers.IntegerField(allow_null=True)
    consumers = serializers.IntegerField(allow_null=True)
    consumers_at = serializers.DateTimeField(
        source="broker.status.consumers_at",
        allow_null=True,
        help_text="When the consumers were counted.",
    )
    depth_at = serializers.DateTimeField(
        source="broker.status.depths_at", allow_null=True, help_text="When the depths were read."
    )
    depth_stale = serializers.SerializerMethodField(help_text="Whether the depths are out of date.")
    publish_rate = serializers.FloatField(
        allow_null=True, help_text="Messages a second that came in."
    )
    deliver_rate = serializers.FloatField(
        allow_null=True, help_text="Messages a second delivered to consumers."
    )
    get_rate = serializers.FloatField(
        allow_null=True, help_text="Messages a second fetched by basic.get."
    )
    ack_rate = serializers.FloatField(allow_null=True)
    redeliver_rate = serializers.FloatField(allow_null=True)
    rates_at = serializers.SerializerMethodField(
        help_text="When the rates were read; null if they are unknown."
    )
    rates_unknown = serializers.CharField(
        source="broker.status.rates_unknown",
        help_text="Why the broker's rates are unknown; empty if they are known.",
    )
    growth_5m = serializers.IntegerField(
        allow_null=True, help_text="How many more messages it has than 5 minutes ago."
    )
    depth_changed_at = serializers.DateTimeField(allow_null=True)
    last_ready = serializers.IntegerField(
        allow_null=True, help_text="If the depth is unknown: the last known depth."
    )
    last_unacked = serializers.IntegerField(allow_null=True)
    last_depth_at = serializers.DateTimeField(
        allow_null=True, help_text="When the last known depth was read."
    )
    outage = serializers.SerializerMethodField(
        help_text="If nodes are down: why the queue is down or its depth unknown. Otherwise empty."
    )
    condition = serializers.CharField(
        help_text="What is worst of it, by harm: losing, rejecting, down, minority, no_leader, stuck, "
        "no_consumers, full, filling, member_down, redelivering, slow_consumers, growing, flow, "
        "unconsumed, well. Empty if unknown."
    )
    condition_since = serializers.DateTimeField(
        allow_null=True, help_text="When the console first saw this condition."
    )
    members = serializers.IntegerField(
        allow_null=True, help_text="How many members a replicated queue has."
    )
    members_online = serializers.IntegerField(allow_null=True)
    max_length = serializers.IntegerField(
        allow_null=True, help_text="The length limit in force; null: none, or unknown."
    )
    overflow = serializers.CharField(
        help_text="What happens at the limit: drop-head, reject-publish, … Empty if unknown."
    )
    inventoried_at = serializers.DateTimeField(allow_null=True)
    first_seen_at = serializers.DateTimeField()
    gone_at = serializers.DateTimeField(allow_null=True, help_text="When the queue disappeared.")

    class Meta:
        ref_name = "Queue"

    def get_outage(self, queue: Queue) -> str:
        return outage_of(queue, queue.broker.status)

    def get_rates_at(self, queue: Queue) -> datetime | None:
        return rates_read_at(queue)

    def get_depth_stale(self, queue: Queue) -> bool:
        status = queue.broker.status
        return queue.gone_at is not None or status.is_stale(status.depths_at, self.context["now"])


class HistoryPoint(serializers.Serializer[Any]):
    """One step. All values are null if nothing is known."""

    at = serializers.DateTimeField()
    ready = serializers.FloatField(allow_null=True)
    unacked = serializers.FloatField(allow_null=True)
    ready_min = serializers.IntegerField(allow_null=True)
    ready_max = serializers.IntegerField(allow_null=True)
    unacked_min = serializers.IntegerField(allow_null=True)
    unacked_max = serializers.IntegerField(allow_null=True)


class HistoryRead(serializers.Serializer[Any]):
    """`from` and `to` as interpreted; `step` in seconds; `source`: every change, or sums over 5 minutes or an hour."""

    queue = serializers.IntegerField()
    to = serializers.DateTimeField()
    step = serializers.IntegerField()
    source = serializers.ChoiceField(choices=["raw", "5m", "1h"])  # type: ignore[assignment]
    points = HistoryPoint(many=True)

    class Meta:
        ref_name = "History"

    def get_fields(self) -> dict[str, Any]:
        # `from` is a Python keyword.
        return {"from": serializers.DateTimeField(), **super().get_fields()}


class PollRead(SeenOnBroker):
    """A poll of a broker's queue depths."""

    slot_at = serializers.DateTimeField(help_text="The scheduled time of the poll.")
    started_at = serializers.DateTimeField()
    took_ms = serializers.IntegerField()
    source = serializers.CharField(help_text="prometheus, totals or passive; empty if none.")  # type: ignore[assignment]
    complete = serializers.BooleanField()
    queues = serializers.IntegerField(allow_null=True)
    changed = serializers.IntegerField(allow_null=True)
    rejected = serializers.IntegerField(help_text="The number of rows that couldn't be used.")
    rejected_samples = serializers.ListField()
    error_code = serializers.CharField()
    error_detail = serializers.CharField()

    class Meta:
        ref_name = "Poll"
