"""What the API reports of connections, channels and consumers. Null means unknown."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rest_framework import serializers


class _LiveRead(serializers.Serializer[Any]):
    id = serializers.IntegerField(help_text="Stays the same as long as it is open.")
    broker = serializers.IntegerField(source="broker_id", help_text="The broker's ID.")
    broker_name = serializers.CharField(source="broker.name")
    vhost = serializers.CharField()
    user = serializers.CharField(help_text="The RabbitMQ user.")
    peer_host = serializers.CharField(help_text="The client's address; empty if unknown.")
    peer_port = serializers.IntegerField(allow_null=True)
    node = serializers.CharField(help_text="Empty if unknown.")
    read_at = serializers.SerializerMethodField(
        help_text="When the broker listed it like this. If that is minutes ago, it couldn't be read since."
    )

    def get_read_at(self, row: Any) -> datetime:
        at: datetime = self.context["read_at"]
        return at


class LiveConnectionRead(_LiveRead):
    """An open connection. Rates are bytes per second; `in` is from the client to the broker."""

    name = serializers.CharField(help_text="Both addresses, in RabbitMQ's format.")
    client_name = serializers.CharField(
        help_text="What the client calls itself; empty if it doesn't."
    )
    type = serializers.CharField()
    protocol = serializers.CharField(help_text="AMQP 0-9-1, AMQP 1-0, MQTT …")
    state = serializers.CharField(help_text="running, flow, blocked, blocking …")
    tls = serializers.BooleanField(allow_null=True)
    auth_mechanism = serializers.CharField()
    channels = serializers.IntegerField(allow_null=True)
    channel_max = serializers.IntegerField(allow_null=True, help_text="0: no limit.")
    frame_max = serializers.IntegerField(allow_null=True, help_text="Bytes; 0: no limit.")
    heartbeat = serializers.IntegerField(allow_null=True, help_text="Seconds; 0: off.")
    in_rate = serializers.FloatField(allow_null=True)
    out_rate = serializers.FloatField(allow_null=True)
    in_bytes = serializers.IntegerField(allow_null=True)
    out_bytes = serializers.IntegerField(allow_null=True)
    connected_at = serializers.DateTimeField(allow_null=True)
    facts = serializers.DictField(
        help_text="TLS, the client's certificate and frames, as RabbitMQ calls them."
    )
    client_properties = serializers.DictField(help_text="As the client sent them.")

    class Meta:
        ref_name = "LiveConnection"


class LiveChannelRead(_LiveRead):
    """An open channel. Rates are messages per second."""

    name = serializers.CharField()
    connection = serializers.CharField(help_text="The connection's name.")
    connection_id = serializers.IntegerField(
        allow_null=True, help_text="Null if it isn't listed any more."
    )
    client_name = serializers.CharField(allow_null=True)
    number = serializers.IntegerField(allow_null=True)
    state = serializers.CharField()
    mode = serializers.CharField(help_text="confirm, transactional, or empty.")
    prefetch = serializers.IntegerField(
        allow_null=True, help_text="For each new consumer; 0: no limit."
    )
    global_prefetch = serializers.IntegerField(
        allow_null=True, help_text="For the channel; 0: no limit."
    )
    consumers = serializers.IntegerField(allow_null=True)
    unacked = serializers.IntegerField(allow_null=True)
    unconfirmed = serializers.IntegerField(allow_null=True)
    uncommitted = serializers.IntegerField(allow_null=True)
    acks_uncommitted = serializers.IntegerField(allow_null=True)
    publish_rate = serializers.FloatField(allow_null=True)
    confirm_rate = serializers.FloatField(allow_null=True)
    returned_rate = serializers.FloatField(
        allow_null=True, help_text="Unroutable and returned to the publisher."
    )
    dropped_rate = serializers.FloatField(allow_null=True, help_text="Unroutable and lost.")
    deliver_rate = serializers.FloatField(allow_null=True)
    get_rate = serializers.FloatField(allow_null=True)
    redeliver_rate = serializers.FloatField(allow_null=True)
    ack_rate = serializers.FloatField(allow_null=True)
    facts = serializers.DictField(help_text="More figures, as RabbitMQ calls them.")

    class Meta:
        ref_name = "LiveChannel"


class LiveConsumerRead(_LiveRead):
    """A consumer of a queue or stream."""

    queue = serializers.CharField()
    queue_id = serializers.IntegerField(
        allow_null=True, help_text="Null if no inventory has seen the queue."
    )
    tag = serializers.CharField()
    channel = serializers.CharField(help_text="The channel's name.")
    connection = serializers.CharField(help_text="The connection's name.")
    connection_id = serializers.IntegerField(
        allow_null=True, help_text="Null if it isn't listed any more."
    )
    client_name = serializers.CharField(allow_null=True)
    ack_required = serializers.BooleanField(
        allow_null=True, help_text="False: automatic acknowledgement."
    )
    prefetch = serializers.IntegerField(allow_null=True, help_text="0: no limit.")
    exclusive = serializers.BooleanField(allow_null=True)
    active = serializers.BooleanField(allow_null=True)
    activity = serializers.CharField(help_text="up, single_active, waiting, suspected_down …")
    arguments = serializers.DictField()
    timeout = serializers.IntegerField(
        allow_null=True, help_text="Milliseconds until an acknowledgement is overdue."
    )

    class Meta:
        ref_name = "LiveConsumer"
