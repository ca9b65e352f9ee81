from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models

from accessctl.rights import Permission
from accessctl.users.model import SeenQuerySet
from console.models import Broker


class NodeQuerySet(SeenQuerySet):
    def visible_to(self, user: Any) -> NodeQuerySet:
        """Nodes of the brokers of which the user may see any part."""
        return self.filter(broker__in=Broker.objects.visible_to(user))

    def present(self) -> NodeQuerySet:
        """Nodes that are part of their cluster."""
        return self.filter(gone_at=None)


class Node(models.Model):
    """A node of a broker, as the last poll that read the nodes saw it. Polls write it.

    Unknown figures are None: a node that is down reports none. `seen_at` is when they were read.
    """

    view_permission = Permission.BROKERS_VIEW

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=255)
    running = models.BooleanField()
    #: When `running` last changed, as seen by polls.
    running_since = models.DateTimeField()
    seen_at = models.DateTimeField()
    first_seen_at = models.DateTimeField()
    #: When a complete listing lacked it: it was removed from the cluster.
    gone_at = models.DateTimeField(null=True)

    type = models.CharField(max_length=40, blank=True)
    version = models.CharField(max_length=64, blank=True)
    being_drained = models.BooleanField(null=True)
    mem_used = models.BigIntegerField(null=True)
    mem_limit = models.BigIntegerField(null=True)
    mem_alarm = models.BooleanField(null=True)
    disk_free = models.BigIntegerField(null=True)
    disk_free_limit = models.BigIntegerField(null=True)
    disk_free_alarm = models.BooleanField(null=True)
    fd_used = models.BigIntegerField(null=True)
    fd_total = models.BigIntegerField(null=True)
    sockets_used = models.BigIntegerField(null=True)
    sockets_total = models.BigIntegerField(null=True)
    proc_used = models.BigIntegerField(null=True)
    proc_total = models.BigIntegerField(null=True)
    run_queue = models.BigIntegerField(null=True)
    uptime_ms = models.BigIntegerField(null=True)
    partitions = models.JSONField(default=list)
    plugins = models.JSONField(null=True)
    #: console.rabbitmq.types.NodeDetails: figures, facts, files and links.
    details = models.JSONField(default=dict)
    #: When the last row of NodeSample was written.
    sampled_at = models.DateTimeField(null=True)

    #: [{"protocol", "port", "expires_at", "subject", "issuer", "names", "why"}], of its TLS
    #: listeners; with `why`, the certificate couldn't be read.
    certificates = models.JSONField(default=list)
    certificates_at = models.DateTimeField(null=True)

    objects = NodeQuerySet.as_manager()

    class Meta:
        ordering = ["broker", "name"]
        constraints = [
            models.UniqueConstraint(fields=["broker", "name"], name="one_node_of_a_name"),
        ]

    def __str__(self) -> str:
        return self.name

    def is_stale(self, now: datetime) -> bool:
        return self.broker.status.is_stale(self.seen_at, now)


class NodeSample(models.Model):
    """A node's figures at one poll, at most one row in SAMPLE_EVERY (vhosts.nodes.keep). All None:
    the node was down. Kept as long as snapshots."""

    pk = models.CompositePrimaryKey("node_id", "at")
    node_id = models.IntegerField()
    at = models.DateTimeField()
    mem_used = models.BigIntegerField(null=True)
    mem_limit = models.BigIntegerField(null=True)
    disk_free = models.BigIntegerField(null=True)
    disk_free_limit = models.BigIntegerField(null=True)
    fd_used = models.BigIntegerField(null=True)
    sockets_used = models.BigIntegerField(null=True)
    proc_used = models.BigIntegerField(null=True)
    run_queue = models.BigIntegerField(null=True)
    #: Per second, from here on.
    gc_rate = models.FloatField(null=True)
    switch_rate = models.FloatField(null=True)
    read_bytes_rate = models.FloatField(null=True)
    write_bytes_rate = models.FloatField(null=True)
    #: Bytes sent to and received from the other nodes.
    link_bytes_rate = models.FloatField(null=True)

    class Meta:
        db_table = "vhosts_node_sample"

    def __str__(self) -> str:
        return f"node {self.node_id} at {self.at}"
