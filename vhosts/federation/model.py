from __future__ import annotations

from django.db import models

from accessctl.rights import Permission
from accessctl.users.model import SeenQuerySet
from console.models import Broker
from vhosts.parameters.model import ParameterOnBroker


class FederationUpstream(ParameterOnBroker):
    class Meta:
        ordering = ["broker", "vhost", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["broker", "vhost", "name"], name="one_upstream_of_a_name"
            ),
        ]


class FederationUpstreamSet(ParameterOnBroker):
    class Meta:
        ordering = ["broker", "vhost", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["broker", "vhost", "name"], name="one_upstream_set_of_a_name"
            ),
        ]


class FederationLink(models.Model):
    """A link of an exchange or queue to its upstream, as the broker reported it with the last
    inventory. RabbitMQ makes links from policies; nobody creates them.

    `link` is RabbitMQ's ID of it, unique on its node. `of` is exchange or queue. `state` is
    running, starting, error and others. `error` and `uri` hold no password.
    """

    view_permission = Permission.PARAMETERS_VIEW
    vhost_column = "vhost"

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    vhost = models.TextField()
    node = models.TextField()
    link = models.TextField()
    of = models.TextField()
    name = models.TextField()
    upstream = models.TextField()
    upstream_name = models.TextField(blank=True)
    state = models.TextField()
    error = models.TextField(blank=True)
    uri = models.TextField(blank=True)
    first_seen_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    objects = SeenQuerySet.as_manager()

    class Meta:
        ordering = ["broker", "vhost", "name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["broker", "vhost", "node", "link"], name="one_federation_link_of_an_id"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} from {self.upstream}"
