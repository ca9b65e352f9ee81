from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accessctl.rights import Permission
from accessctl.users.model import SeenOnBroker


class VirtualHost(SeenOnBroker):
    """A vhost as observed on a broker. Written only by vhosts/polling: by inventories and by the
    read-back of a change."""

    view_permission = Permission.VHOSTS_VIEW
    vhost_column = "name"

    name = models.TextField()
    description = models.TextField(blank=True)
    tags = ArrayField(models.TextField(), default=list)
    default_queue_type = models.TextField(blank=True)
    tracing = models.BooleanField(null=True)
    protected_from_deletion = models.BooleanField(null=True)
    #: {"rabbit@a": "running"}
    cluster_state = models.JSONField(default=dict)
    #: {"max-connections": 100}
    limits = models.JSONField(default=dict)

    class Meta:
        ordering = ["broker", "name"]
        constraints = [
            models.UniqueConstraint(fields=["broker", "name"], name="one_vhost_of_a_name"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def node_states(self) -> list[tuple[str, list[str]]]:
        """Return (state, its nodes) pairs in alphabetical order; empty if the broker didn't report
        them."""
        found: dict[str, list[str]] = {}
        for node, state in sorted(self.cluster_state.items()):
            found.setdefault(str(state), []).append(node)
        return sorted(found.items())
