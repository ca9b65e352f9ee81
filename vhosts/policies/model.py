"""Policies and operator policies as last seen on a broker. Written by polling and by read-backs of
changes."""

from __future__ import annotations

from django.db import models

from accessctl.rights import Permission
from accessctl.users.model import SeenOnBroker


class PolicyOnBroker(SeenOnBroker):
    view_permission = Permission.POLICIES_VIEW

    vhost = models.TextField()
    name = models.TextField()
    pattern = models.TextField()
    apply_to = models.TextField()
    priority = models.BigIntegerField()
    definition = models.JSONField(default=dict)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name


class Policy(PolicyOnBroker):
    class Meta:
        ordering = ["broker", "vhost", "name"]
        verbose_name_plural = "policies"
        constraints = [
            models.UniqueConstraint(
                fields=["broker", "vhost", "name"], name="one_policy_of_a_name"
            ),
        ]


class OperatorPolicy(PolicyOnBroker):
    class Meta:
        ordering = ["broker", "vhost", "name"]
        verbose_name_plural = "operator policies"
        constraints = [
            models.UniqueConstraint(
                fields=["broker", "vhost", "name"], name="one_operator_policy_of_a_name"
            ),
        ]
