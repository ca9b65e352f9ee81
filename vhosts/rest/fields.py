from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accessctl.rest.fields import Named
from console.faces.rest.change_fields import Managed
from vhosts.models import Queue
from vhosts.queues.outages import outage_of


class SeenOnBroker(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    broker = serializers.IntegerField(source="broker_id", help_text="The broker's id.")
    broker_name = serializers.CharField(source="broker.name")


class VhostRead(Managed, Named, SeenOnBroker):
    """A virtual host as found on a broker."""

    name = serializers.CharField()
    description = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    default_queue_type = serializers.CharField(help_text="Empty where the broker does not say.")
    tracing = serializers.BooleanField(allow_null=True)
    protected_from_deletion = serializers.BooleanField(allow_null=True)
    cluster_state = serializers.DictField(help_text="State by node.")
    limits = serializers.DictField()
    first_seen_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()
    inventory_at = serializers.DateTimeField(
        source="broker.status.inventory_at",
        allow_null=True,
        help_text="When the broker's objects were last listed.",
    )

    class Meta:
        ref_name = "VirtualHost"


class QueueRead(SeenOnBroker):
    """A queue as found on a broker, with its depth as of `depth_at`. Null: not known."""

    vhost = serializers.CharField()
    name = serializers.CharField()
    type = serializers.CharField(help_text="Empty until first inventoried.")
    state = serializers.CharField(
        help_text="running, idle, flow, down (its node is), minority (too few of its members are "
        "online), … Empty where it is not known."
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
    depth_at = serializers.DateTimeField(
        source="broker.status.depths_at", allow_null=True, help_text="When the depths were read."
    )
    depth_stale = serializers.SerializerMethodField(
        help_text="Whether the depths are too old to be present ones."
    )
    depth_changed_at = serializers.DateTimeField(allow_null=True)
    last_ready = serializers.IntegerField(
        allow_null=True, help_text="Where the depth is not known: what was last read."
    )
    last_unacked = serializers.IntegerField(allow_null=True)
    last_depth_at = serializers.DateTimeField(
        allow_null=True, help_text="When the last known depth was read."
    )
    outage = serializers.SerializerMethodField(
        help_text="Why the queue is down or its depth is not known, where nodes are down; else empty."
    )
    inventoried_at = serializers.DateTimeField(allow_null=True)
    first_seen_at = serializers.DateTimeField()
    gone_at = serializers.DateTimeField(allow_null=True, help_text="Since when it is gone.")

    class Meta:
        ref_name = "Queue"

    def get_outage(self, queue: Queue) -> str:
        return outage_of(queue, queue.broker.status)

    def get_depth_stale(self, queue: Queue) -> bool:
        status = queue.broker.status
        return queue.gone_at is not None or status.is_stale(status.depths_at, self.context["now"])


class HistoryPoint(serializers.Serializer[Any]):
    """One step. All null: nothing is known of it."""

    at = serializers.DateTimeField()
    ready = serializers.FloatField(allow_null=True)
    unacked = serializers.FloatField(allow_null=True)
    ready_min = serializers.IntegerField(allow_null=True)
    ready_max = serializers.IntegerField(allow_null=True)
    unacked_min = serializers.IntegerField(allow_null=True)
    unacked_max = serializers.IntegerField(allow_null=True)


class HistoryRead(serializers.Serializer[Any]):
    """`from` and `to` as they were understood; `step` in seconds; `source` says what was read: every
    change, or sums over 5 minutes or an hour."""

    queue = serializers.IntegerField()
    to = serializers.DateTimeField()
    step = serializers.IntegerField()
    source = serializers.ChoiceField(choices=["raw", "5m", "1h"])  # type: ignore[assignment]
    points = HistoryPoint(many=True)

    class Meta:
        ref_name = "History"

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python's own.
        return {"from": serializers.DateTimeField(), **super().get_fields()}


class PollRead(SeenOnBroker):
    """One poll of a broker's depths."""

    slot_at = serializers.DateTimeField(help_text="The time it stands for.")
    started_at = serializers.DateTimeField()
    took_ms = serializers.IntegerField()
    source = serializers.CharField(help_text="prometheus, totals or passive; empty where none.")  # type: ignore[assignment]
    complete = serializers.BooleanField()
    queues = serializers.IntegerField(allow_null=True)
    changed = serializers.IntegerField(allow_null=True)
    rejected = serializers.IntegerField(help_text="Rows of the broker that could not be used.")
    rejected_samples = serializers.ListField()
    error_code = serializers.CharField()
    error_detail = serializers.CharField()

    class Meta:
        ref_name = "Poll"
