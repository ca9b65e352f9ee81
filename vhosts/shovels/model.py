from __future__ import annotations

from django.db import models

from vhosts.parameters.model import ParameterOnBroker


class Shovel(ParameterOnBroker):
    """A dynamic shovel.

    `state` is what RabbitMQ reports: running, starting, terminated and others; `none` if it reports
    no state for this shovel; "" if the state is unknown. `reason` says why it ended, or why the
    state is unknown.
    """

    state = models.TextField(blank=True)
    reason = models.TextField(blank=True)
    node = models.TextField(blank=True)

    class Meta:
        ordering = ["broker", "vhost", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["broker", "vhost", "name"], name="one_shovel_of_a_name"
            ),
        ]
