from __future__ import annotations

from django.db import models

from accessctl.rights import Permission
from accessctl.users.model import SeenOnBroker


class Exchange(SeenOnBroker):
    """An exchange as last seen on a broker. The default exchange has the name "". Only polling
    writes it."""

    view_permission = Permission.QUEUES_VIEW

    vhost = models.TextField()
    name = models.TextField(blank=True)
    type = models.TextField()
    durable = models.BooleanField(null=True)
    auto_delete = models.BooleanField(null=True)
    internal = models.BooleanField(null=True)
    arguments = models.JSONField(default=dict)
    policy = models.TextField(blank=True)

    # Messages a second between the last two polls that read counters. None: unknown. 0: no traffic.
    in_rate = models.FloatField(null=True)
    #: Messages that it routed to queues and exchanges.
    out_rate = models.FloatField(null=True)
    #: Unroutable messages returned to publishers that had set `mandatory`.
    returned_rate = models.FloatField(null=True)
    #: Unroutable messages dropped.
    dropped_rate = models.FloatField(null=True)
    #: When the rates were read. None: never.
    rates_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["broker", "vhost", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["broker", "vhost", "name"], name="one_exchange_of_a_name"
            ),
        ]

    def __str__(self) -> str:
        return self.name or "(default exchange)"

    @property
    def alternate_exchange(self) -> str | None:
        """Return where unroutable messages go according to the arguments. None: nowhere, or where
        a policy says."""
        found = self.arguments.get("alternate-exchange")
        return found if isinstance(found, str) else None
