"""Parameters as last seen on a broker, without the passwords in their URIs. Written by polling and
by read-backs of changes."""

from __future__ import annotations

from django.db import models

from accessctl.rights import Permission
from accessctl.users.model import SeenOnBroker


class ParameterOnBroker(SeenOnBroker):
    """A parameter in a virtual host. `value` is any JSON."""

    view_permission = Permission.PARAMETERS_VIEW

    vhost = models.TextField()
    name = models.TextField()
    value = models.JSONField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name


class Parameter(ParameterOnBroker):
    component = models.TextField()

    class Meta:
        ordering = ["broker", "vhost", "component", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["broker", "vhost", "component", "name"], name="one_parameter_of_a_name"
            ),
        ]


class GlobalParameter(SeenOnBroker):
    """A parameter of the whole broker."""

    view_permission = Permission.PARAMETERS_VIEW
    vhost_column = ""

    name = models.TextField()
    value = models.JSONField()

    class Meta:
        ordering = ["broker", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["broker", "name"], name="one_global_parameter_of_a_name"
            ),
        ]

    def __str__(self) -> str:
        return self.name
