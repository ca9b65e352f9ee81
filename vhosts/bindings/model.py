from __future__ import annotations

import json
from typing import Any

from django.db import models
from django.db.models.functions import MD5

from accessctl.rights import Permission
from accessctl.users.model import SeenOnBroker


class Binding(SeenOnBroker):
    """A binding as last seen on a broker; those of the default exchange, which every queue has, are
    left out. Only polling writes it.

    `destination_type` is queue or exchange. `arguments` is JSON text with sorted keys, as in the
    kind's key.
    """

    view_permission = Permission.QUEUES_VIEW

    vhost = models.TextField()
    source = models.TextField()
    destination_type = models.TextField()
    destination = models.TextField()
    routing_key = models.TextField(blank=True)
    arguments = models.TextField(default="{}")

    class Meta:
        ordering = ["broker", "vhost", "source", "destination", "id"]
        constraints = [
            # By the digest of the arguments, because an entry of an index has at most 2,704 bytes.
            models.UniqueConstraint(
                "broker",
                "vhost",
                "source",
                "destination_type",
                "destination",
                "routing_key",
                MD5("arguments"),
                name="one_binding_of_a_key",
            ),
        ]
        indexes = [
            models.Index(fields=["broker", "vhost", "destination"], name="binding_by_destination"),
            # The orders of the list, so that its first page needs no sort of all bindings.
            models.Index(fields=["source", "destination", "id"], name="bindings_from"),
            models.Index(fields=["destination", "source", "id"], name="bindings_to"),
        ]

    #: IDs of the mirror rows at its ends; None: not known. Set by vhosts.bindings.panel.link_ends.
    source_id: int | None = None
    destination_id: int | None = None
    #: The arguments as HTML, set with them.
    arguments_cell: str = ""

    @property
    def table(self) -> dict[str, Any]:
        """Return the arguments."""
        found: dict[str, Any] = json.loads(self.arguments)
        return found

    def __str__(self) -> str:
        return f"{self.source} to {self.destination}"
