"""What the last polls and inventories saw of a broker."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import models

from console.rabbitmq.cluster import ClusterView, stored_view

if TYPE_CHECKING:
    pass


from console.models.broker_states import SLOW_ANSWER_MS, PollState
from console.models.brokers import Broker


class BrokerStatus(models.Model):
    """What the last polls and inventories saw of a broker. One row per broker, created with it.

    Unknown figures are None. Each group of figures has the time at which it was read.
    """

    broker = models.OneToOneField(
        Broker, on_delete=models.CASCADE, primary_key=True, related_name="status"
    )
    # The schedule of polls
    next_poll_at = models.DateTimeField(db_index=True)
    claimed_until = models.DateTimeField(null=True)
    #: Rises with each claim. A poll with an older number writes nothing.
    claim = models.BigIntegerField(default=0)
    #: The time slot of the last claimed poll.
    slot_at = models.DateTimeField(null=True)
    #: The claim whose depths are completely stored; 0: the next poll must compare all of them.
    depths_claim = models.BigIntegerField(default=0)
    # The schedule of inventories, likewise
    next_inventory_at = models.DateTimeField()
    inventory_claim = models.BigIntegerField(default=0)
    inventory_claimed_until = models.DateTimeField(null=True)
    #: Failures in a row; 0 if the last poll succeeded.
    failures = models.PositiveIntegerField(default=0)

    # Reachability
    state = models.CharField(max_length=16, choices=PollState.choices, default=PollState.NEW)
    state_since = models.DateTimeField()
    attempted_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    #: How long the last answered poll took, and its first request, in milliseconds.
    poll_took_ms = models.IntegerField(null=True)
    answer_ms = models.IntegerField(null=True)
    error_code = models.CharField(max_length=32, blank=True)
    error_detail = models.TextField(blank=True)
    #: Problems of a broker that answers: {"depths" | "rights" | "alarms" | "nodes" | "identity" |
    #: "duplicate" | a part of the inventory, such as "vhosts": "…sentence"}.
    part_errors = models.JSONField(default=dict)
    #: What the inventory left out, by part: printable names. For those who may see the whole
    #: broker.
    left_out = models.JSONField(default=dict, db_default={})

    #: The management URL that answered the last poll, if the broker has several; "": the first one.
    answered_url = models.CharField(max_length=500, blank=True, default="", db_default="")
    #: The node that answered it; "" if it didn't name itself.
    answered_node = models.CharField(max_length=255, blank=True, default="", db_default="")
    #: Management URLs that don't answer: {"https://n1": {"since": ISO time, "why": "…sentence",
    #: "code": "timed_out", "try_at": ISO time, "good": probes in a row that were answered}}.
    urls_off = models.JSONField(default=dict, db_default={})

    # Vitals: overview and nodes
    vitals_at = models.DateTimeField(null=True)
    rabbitmq_version = models.CharField(max_length=64, blank=True)
    erlang_version = models.CharField(max_length=64, blank=True)
    cluster_name = models.TextField(blank=True)
    #: The cluster name when the settings were last edited. A different name may mean another
    #: broker.
    pinned_cluster_name = models.TextField(blank=True)
    pinned_generation = models.PositiveIntegerField(default=0)
    stats_enabled = models.BooleanField(null=True)
    connections = models.BigIntegerField(null=True)
    channels = models.BigIntegerField(null=True)
    consumers = models.BigIntegerField(null=True)
    exchanges = models.BigIntegerField(null=True)
    #: Messages per second.
    publish_rate = models.FloatField(null=True)
    deliver_rate = models.FloatField(null=True)
    #: [{"name", "running", "mem_used", "mem_limit", "disk_free", ...}]
    nodes = models.JSONField(default=list)
    #: Names of exchange types, and of plugins that run on every running node; None: unknown.
    exchange_types = models.JSONField(null=True)
    plugins = models.JSONField(null=True)
    #: Sentences; empty list: the broker reports none; None: unknown.
    alarms = models.JSONField(null=True)
    #: [{"node", "protocol", "address", "port"}]
    listeners = models.JSONField(default=list)

    # Depths, summed over the broker's queues
    depths_at = models.DateTimeField(null=True)
    depths_source = models.CharField(max_length=16, blank=True)
    #: Sources that failed: {"prometheus": {"until": "ISO time of the next try", "reason": "…"}}.
    sources_off = models.JSONField(default=dict)
    queues = models.BigIntegerField(null=True)
    #: The number of queues missing from the sums, because the source didn't report their depth.
    queues_without_depth = models.BigIntegerField(null=True)
    messages_ready = models.BigIntegerField(null=True)
    messages_unacked = models.BigIntegerField(null=True)

    #: When the rates of queues and exchanges were read; None: they are unknown, and
    #: `rates_unknown` says why. A queue's rates are of this time unless they are None.
    rates_at = models.DateTimeField(null=True)
    rates_unknown = models.TextField(blank=True, default="", db_default="")
    #: What the last depths and rates cost: bytes of the answers, those for rates among them, and
    #: the time of the slowest node. None: not read by scraping.
    scrape_bytes = models.BigIntegerField(null=True)
    scrape_rates_bytes = models.BigIntegerField(null=True)
    scrape_ms = models.IntegerField(null=True)

    #: When the consumers of the queues were counted; None: no source reports them now.
    consumers_at = models.DateTimeField(null=True)

    # Inventory: vhosts, declared queues, users, permissions
    #: When all of it was last read completely.
    inventory_at = models.DateTimeField(null=True)
    #: When each part was last listed, as ISO times: {"users": "…"}. A part that never was is
    #: missing.
    parts_at = models.JSONField(default=dict, db_default={})
    inventory_took_ms = models.IntegerField(null=True)
    #: Why the inventory isn't trusted as complete, for the page: see vhosts.polling.inventory.take.
    suspect = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "broker statuses"

    def __str__(self) -> str:
        return f"status of broker {self.broker_id}"

    def stale_after(self) -> timedelta:
        """Return the age from which figures are stale: two poll intervals (or two polls' duration
        if that is longer), plus the time a poll takes, plus 5 seconds."""
        took = (self.poll_took_ms or 0) / 1000
        return timedelta(seconds=2 * max(self.broker.poll_interval_s, took) + took + 5)

    @property
    def is_slow(self) -> bool:
        """Whether the broker takes long to answer, or its polls take longer than their interval."""
        return (self.answer_ms or 0) >= SLOW_ANSWER_MS or (
            self.poll_took_ms or 0
        ) > 1000 * self.broker.poll_interval_s

    def shown_state(self, now: datetime) -> str:
        """Return one of SHOWN_STATES at `now`. It is correct even if all workers are dead."""
        if not self.broker.enabled:
            return "disabled"
        if self.state == PollState.REACHABLE:
            if self.answered_at is None or now - self.answered_at > self.stale_after():
                return "stale"
            return "failing" if self.failures else self.impairment() or "reachable"
        if self.state == PollState.NEW and now - self.state_since > self.stale_after():
            return "stale"
        return str(self.state)

    def impairment(self) -> str:
        """Return the first of IMPAIRED that applies to a broker that answers; "" if none does."""
        view = self.cluster()
        if view.partitioned:
            return "partitioned"
        if view.down:
            return "node_down"
        if "rights" in self.part_errors:
            return "restricted"
        if self.drained_nodes():
            return "draining"
        return "slow" if self.is_slow else ""

    def drained_nodes(self) -> list[str]:
        """Names of nodes in maintenance mode."""
        return [
            str(node.get("name")) for node in self._nodes() if node.get("being_drained") is True
        ]

    def _nodes(self) -> list[dict[str, Any]]:
        return [node for node in self.nodes if isinstance(node, dict)]

    def is_stale(self, at: datetime | None, now: datetime) -> bool:
        """Whether a figure read at `at` is too old to count as current."""
        return at is None or now - at > self.stale_after()

    def part_at(self, part: str) -> datetime | None:
        """Return when a part of the inventory ("users") was last listed; None: never, or it isn't
        available."""
        at = self.parts_at.get(part)
        return self.inventory_at if at is None else datetime.fromisoformat(at)

    def knows(self, part: str) -> bool:
        """Whether a part of the inventory is completely known. Only then does a missing row mean
        that the object doesn't exist."""
        return not self.why_unknown(part)

    def why_unknown(self, part: str) -> str:
        """Return a sentence, with the remedy if there is one, for a part that isn't completely
        known; else ""."""
        if part in self.part_errors:
            return str(self.part_errors[part])
        if self.part_at(part) is None:
            return "No inventory has read them yet."
        if part in self.suspect:
            return "Many of them were missing from the last listing; the next one decides."
        return ""

    def counted(self, part: str, number: int) -> int | None:
        """Return how many objects of a part exist, given how many were seen; None if none was seen
        and the part isn't completely known."""
        return number if number or self.knows(part) else None

    def cluster(self) -> ClusterView:
        """Which nodes were running when they were last read."""
        return stored_view(self._nodes())

    def running_nodes(self) -> int | None:
        """Return the number of running nodes; None if the nodes weren't read."""
        if self.vitals_at is None or not self.nodes:
            return None
        return sum(1 for node in self._nodes() if node.get("running"))
