from __future__ import annotations

from django.conf import settings
from django.db import models

from console.models import Broker


class ClusterReport(models.Model):
    """What the last inventory read about a broker's cluster for diagnosis. One row per broker.

    A part is None if it is unknown; `why` then has a sentence by the part's name.
    """

    broker = models.OneToOneField(
        Broker, on_delete=models.CASCADE, primary_key=True, related_name="cluster_report"
    )
    read_at = models.DateTimeField()
    #: [{"name", "state", "stability"}]
    flags = models.JSONField(null=True)
    #: Deprecated features in use: [{"name", "phase", "about"}]
    deprecated = models.JSONField(null=True)
    #: RabbitMQ's version by node.
    versions = models.JSONField(null=True)
    #: Per second: {"connection_created", "channel_created", "queue_declared" …}
    churn = models.JSONField(null=True)
    #: Consumers without a prefetch limit: [{"vhost", "queue", "consumers"}]
    unlimited = models.JSONField(null=True)
    why = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"cluster report of broker {self.broker_id}"


class IgnoredFinding(models.Model):
    """A finding that somebody decided to ignore. `vhost` is "" for findings about a whole broker;
    `name` is "" for all objects of the finding."""

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    rule = models.TextField()
    vhost = models.TextField(blank=True)
    name = models.TextField(blank=True)
    reason = models.TextField()
    at = models.DateTimeField()
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    author_name = models.TextField(blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["broker", "rule", "vhost", "name"], name="one_ignored_finding_of_a_place"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule} on broker {self.broker_id}"
