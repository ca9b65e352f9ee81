"""RabbitMQ's users and their permissions, as found on a broker. Written by polling, and by what a change
read back (vhosts/polling).

A vhost is named by broker and name, not by foreign key: a permission can exist for a vhost that
is not (yet) seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accessctl.permissions import Permission
from accessctl.reach import reach_of
from console.models import Broker

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


class SeenQuerySet(models.QuerySet[Any]):
    """`view_permission` of the model is what it takes to see its rows; `vhost_column` says which
    virtual host a row belongs to."""

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> SeenQuerySet:
        model = cast("type[SeenOnBroker]", self.model)
        return self.filter(reach_of(user).objects(model.view_permission, vhost=model.vhost_column))


class SeenOnBroker(models.Model):
    view_permission: ClassVar[Permission]
    vhost_column: ClassVar[str] = "vhost"

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    first_seen_at = models.DateTimeField()
    #: When an attribute last differed from what was known.
    changed_at = models.DateTimeField()

    objects = SeenQuerySet.as_manager()

    class Meta:
        abstract = True


class BrokerUserQuerySet(SeenQuerySet):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> BrokerUserQuerySet:
        """All users of a broker granted as a whole; of one granted in part, those with a permission
        in that part."""
        reach = reach_of(user)
        in_part = BrokerPermission.objects.filter(
            reach.objects(Permission.USERS_VIEW),
            broker=models.OuterRef("broker"),
            user=models.OuterRef("name"),
        )
        whole = reach.objects(Permission.USERS_VIEW, vhost="")
        return self.filter(whole | models.Q(models.Exists(in_part)) if reach.is_partial else whole)


class BrokerUser(SeenOnBroker):
    view_permission = Permission.USERS_VIEW
    vhost_column = ""

    name = models.TextField()
    tags = ArrayField(models.TextField(), default=list)
    #: None where the broker does not say.
    has_password = models.BooleanField(null=True)
    #: For guest: whether the password is still guest. None: not known, or another user.
    has_default_password = models.BooleanField(null=True)
    hashing_algorithm = models.TextField(blank=True)
    limits = models.JSONField(default=dict)

    objects = BrokerUserQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        ordering = ["broker", "name"]
        constraints = [
            models.UniqueConstraint(fields=["broker", "name"], name="one_user_of_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class BrokerPermission(SeenOnBroker):
    view_permission = Permission.PERMISSIONS_VIEW

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
    view_permission = Permission.PERMISSIONS_VIEW

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
