"""RabbitMQ's users and their permissions, as found on a broker. Written by polling only.

A vhost is named by broker and name, not by foreign key: a permission can exist for a vhost that
is not (yet) seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.db import models

from console.models import Broker

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


class SeenQuerySet(models.QuerySet[models.Model]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> SeenQuerySet:
        return self.filter(broker__in=Broker.objects.visible_to(user))


class SeenOnBroker(models.Model):
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    first_seen_at = models.DateTimeField()
    #: When an attribute last differed from what was known.
    changed_at = models.DateTimeField()

    objects = SeenQuerySet.as_manager()

    class Meta:
        abstract = True


class BrokerUser(SeenOnBroker):
    name = models.TextField()
    tags = ArrayField(models.TextField(), default=list)
    #: None where the broker does not say.
    has_password = models.BooleanField(null=True)
    hashing_algorithm = models.TextField(blank=True)
    limits = models.JSONField(default=dict)

    class Meta:
        ordering = ["broker", "name"]
        constraints = [
            models.UniqueConstraint(fields=["broker", "name"], name="one_user_of_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class BrokerPermission(SeenOnBroker):
    vhost = models.TextField()
    user = models.TextField()
    configure = models.TextField()
    write = models.TextField()
    read = models.TextField()

    class Meta:
        ordering = ["broker", "vhost", "user"]
        constraints = [
            models.UniqueConstraint(
                fields=["broker", "vhost", "user"], name="one_permission_per_user_and_vhost"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} on {self.vhost}"


class BrokerTopicPermission(SeenOnBroker):
    vhost = models.TextField()
    user = models.TextField()
    exchange = models.TextField()
    write = models.TextField()
    read = models.TextField()

    class Meta:
        ordering = ["broker", "vhost", "user", "exchange"]
        constraints = [
            models.UniqueConstraint(
                fields=["broker", "vhost", "user", "exchange"],
                name="one_topic_permission_per_exchange",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} on {self.exchange} in {self.vhost}"
