from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from accessctl.reach import reach_of
from accessctl.rights import Permission
from console.models import Broker

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


class QueueQuerySet(models.QuerySet["Queue"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> QueueQuerySet:
        return self.filter(reach_of(user).objects(Permission.QUEUES_VIEW))

    def present(self) -> QueueQuerySet:
        """Return queues that aren't known to be gone."""
        return self.filter(gone_at=None)

    def names_on(self, broker: Broker) -> list[tuple[str, str]]:
        """Return (vhost, name) of a broker's present queues."""
        return list(self.present().filter(broker=broker).values_list("vhost", "name"))

    def odd_names_on(self, broker: Broker) -> list[tuple[str, str]]:
        """Return (vhost, name) of queues whose names contain characters that Prometheus labels may
        or may not escape."""
        odd = Q()
        for character in ('"', "\\"):
            odd |= Q(name__contains=character) | Q(vhost__contains=character)
        return list(self.filter(odd, broker=broker).values_list("vhost", "name"))


class Queue(models.Model):
    """A queue as last seen on a broker, with its current depth. Only polling writes it.

    No index contains a depth, so that updating depths stays a HOT update in Postgres. Sorting by
    depth reads the broker's rows instead.
    """

    id = models.AutoField(primary_key=True)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    vhost = models.TextField()
    name = models.TextField()
    #: Empty until the first inventory: classic | quorum | stream | …
    type = models.TextField(blank=True)
    state = models.TextField(blank=True)
    node = models.TextField(blank=True)
    durable = models.BooleanField(null=True)
    auto_delete = models.BooleanField(null=True)
    exclusive = models.BooleanField(null=True)
    arguments = models.JSONField(default=dict)
    policy = models.TextField(blank=True)
    operator_policy = models.TextField(blank=True)
    #: None until the first inventory.
    inventoried_at = models.DateTimeField(null=True)
    first_seen_at = models.DateTimeField()
    #: Set when a complete listing no longer contained it.
    gone_at = models.DateTimeField(null=True)

    # Current depth, as of the broker's last complete poll (BrokerStatus.depths_at). None: unknown.
    ready = models.BigIntegerField(null=True)
    unacked = models.BigIntegerField(null=True)
    total = models.BigIntegerField(null=True)
    consumers = models.IntegerField(null=True)
    #: When ready or unacked last changed: since then, they have their current values.
    depth_changed_at = models.DateTimeField(null=True)
    #: If the depth is unknown: the last known depth, and when it was read. Meaningless if the
    #: depth is known.
    last_ready = models.BigIntegerField(null=True)
    last_unacked = models.BigIntegerField(null=True)
    last_depth_at = models.DateTimeField(null=True)

    # Messages a second between the last two polls that read counters. None: unknown. 0: no traffic.
    publish_rate = models.FloatField(null=True)
    #: Deliveries to consumers, without gets.
    deliver_rate = models.FloatField(null=True)
    ack_rate = models.FloatField(null=True)
    redeliver_rate = models.FloatField(null=True)
    get_rate = models.FloatField(null=True)
    #: When the rates were read. None: never.
    rates_at = models.DateTimeField(null=True)
    #: How many messages more (or fewer) it has than 5 minutes ago. None: unknown.
    growth_5m = models.BigIntegerField(null=True)
    #: Whether a noise pattern matches it: lists, history and totals leave it out.
    noise = models.BooleanField(default=False, db_default=False)

    #: How many members a replicated queue has, and how many are online. None: it has none, or the
    #: broker doesn't say.
    members = models.SmallIntegerField(null=True)
    members_online = models.SmallIntegerField(null=True)
    # The length limit in force, of the last inventory. `overflow` "": unknown; else no max_length
    # means no limit.
    max_length = models.BigIntegerField(null=True)
    max_length_bytes = models.BigIntegerField(null=True)
    overflow = models.TextField(blank=True, default="", db_default="")
    #: Whether messages that overflow go to an exchange that exists. None: unknown.
    dead_letters = models.BooleanField(null=True)
    #: Whether messages expire into such an exchange: a queue for delays, which needs no consumers.
    delays = models.BooleanField(null=True)
    #: What is worst (vhosts.queues.health.conditions.CONDITIONS), set after each poll and inventory.
    condition = models.TextField(blank=True, default="", db_default="")
    condition_since = models.DateTimeField(null=True)
    #: Since when messages wait for consumers and nothing is delivered or acknowledged. None: something
    #: is, nothing waits, nobody consumes, or it is unknown.
    undelivered_since = models.DateTimeField(null=True)

    objects = QueueQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["broker", "vhost", "name"], name="one_queue_of_a_name"),
        ]
        indexes = [
            # Each poll reads what its totals leave out: of nearly all queues, nothing.
            models.Index(fields=["broker"], condition=Q(noise=True), name="queues_that_are_noise"),
        ]

    def __str__(self) -> str:
        return self.name
