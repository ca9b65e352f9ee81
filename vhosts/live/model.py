"""The last reading of each live list of a broker, and its rows.

The tables are unlogged: after a crash of Postgres they are empty, and the next viewer reads again.
The ID of a row is a digest of what identifies it (`vhosts.live.rows`), so it stays the same from one
reading to the next, and another connection with the same addresses has another one.
"""

from __future__ import annotations

from django.db import models

from accessctl.rights import Permission
from accessctl.users.model import SeenQuerySet
from console.models import Broker


class LiveReading(models.Model):
    """The last reading of one list. `read_at` None: never read. `error_code`: why the last attempt
    failed; the rows are then older. `lease` belongs to the process that reads now, until
    `leased_until`."""

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    list = models.TextField()
    #: The broker's generation: after an edit, it may be another broker.
    generation = models.PositiveIntegerField()
    read_at = models.DateTimeField(null=True)
    took_ms = models.PositiveIntegerField(null=True)
    complete = models.BooleanField(default=False)
    rejected = models.PositiveIntegerField(default=0)
    tried_at = models.DateTimeField(null=True)
    error_code = models.TextField(blank=True)
    error = models.TextField(blank=True)
    advice = models.TextField(blank=True)
    lease = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["broker", "list"], name="one_reading_of_a_live_list"),
        ]

    def __str__(self) -> str:
        return f"{self.list} of {self.broker_id}"


class LiveRow(models.Model):
    """What the rows of all live lists have."""

    view_permission = Permission.CONNECTIONS_VIEW
    vhost_column = "vhost"

    id = models.BigIntegerField(primary_key=True)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    vhost = models.TextField()
    user = models.TextField()
    node = models.TextField()
    peer_host = models.TextField()
    peer_port = models.IntegerField(null=True)

    objects = SeenQuerySet.as_manager()

    class Meta:
        abstract = True


class LiveConnection(LiveRow):
    """An open connection. Rates are bytes per second, `heartbeat` is in seconds (0: off), `in`
    means from the client to the broker."""

    name = models.TextField()
    client_name = models.TextField()
    type = models.TextField()
    protocol = models.TextField()
    state = models.TextField()
    tls = models.BooleanField(null=True)
    auth_mechanism = models.TextField()
    channels = models.IntegerField(null=True)
    channel_max = models.BigIntegerField(null=True)
    frame_max = models.BigIntegerField(null=True)
    heartbeat = models.BigIntegerField(null=True)
    in_rate = models.FloatField(null=True)
    out_rate = models.FloatField(null=True)
    in_bytes = models.BigIntegerField(null=True)
    out_bytes = models.BigIntegerField(null=True)
    connected_at = models.DateTimeField(null=True)
    #: Facts for the connection's page, by label, and what the client says of itself.
    facts = models.JSONField(default=dict)
    client_properties = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["broker", "name"], name="live_connection_of_a_name")]

    def __str__(self) -> str:
        return self.name


class LiveChannel(LiveRow):
    """An open channel. Rates are messages per second. `mode` is confirm, transactional or ""."""

    name = models.TextField()
    connection = models.TextField()
    number = models.BigIntegerField(null=True)
    state = models.TextField()
    mode = models.TextField()
    prefetch = models.BigIntegerField(null=True)
    global_prefetch = models.BigIntegerField(null=True)
    consumers = models.BigIntegerField(null=True)
    unacked = models.BigIntegerField(null=True)
    unconfirmed = models.BigIntegerField(null=True)
    uncommitted = models.BigIntegerField(null=True)
    acks_uncommitted = models.BigIntegerField(null=True)
    publish_rate = models.FloatField(null=True)
    confirm_rate = models.FloatField(null=True)
    returned_rate = models.FloatField(null=True)
    dropped_rate = models.FloatField(null=True)
    deliver_rate = models.FloatField(null=True)
    get_rate = models.FloatField(null=True)
    redeliver_rate = models.FloatField(null=True)
    ack_rate = models.FloatField(null=True)
    facts = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["broker", "connection"], name="live_channel_of_connection")]

    def __str__(self) -> str:
        return self.name


class LiveConsumer(LiveRow):
    """A consumer of a queue or stream. `prefetch` 0: no limit. `active` None: not reported."""

    queue = models.TextField()
    tag = models.TextField()
    channel = models.TextField()
    connection = models.TextField()
    ack_required = models.BooleanField(null=True)
    prefetch = models.BigIntegerField(null=True)
    exclusive = models.BooleanField(null=True)
    active = models.BooleanField(null=True)
    activity = models.TextField()
    arguments = models.JSONField(default=dict)
    #: The broker's limit for an acknowledgement, in milliseconds.
    timeout = models.BigIntegerField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["broker", "vhost", "queue"], name="live_consumer_of_queue"),
            models.Index(fields=["broker", "connection"], name="live_consumer_of_connection"),
        ]

    def __str__(self) -> str:
        return self.tag
