"""RabbitMQ's users and their permissions, as last seen on a broker. Written by polling and by
read-backs of changes (vhosts/polling).

A virtual host is identified by broker and name, not by a foreign key: a permission can exist for a
virtual host that isn't known (yet).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accessctl.reach import Reach, reach_of
from accessctl.rights import Permission
from console.models import Broker

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


class SeenQuerySet(models.QuerySet[Any]):
    """The model's `view_permission` is required to see its rows; `vhost_column` is the column with
    a row's virtual host."""

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> SeenQuerySet:
        model = cast("type[SeenOnBroker]", self.model)
        return self.filter(reach_of(user).objects(model.view_permission, vhost=model.vhost_column))


class SeenOnBroker(models.Model):
    view_permission: ClassVar[Permission]
    vhost_column: ClassVar[str] = "vhost"

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    first_seen_at = models.DateTimeField()
    #: When an attribute last changed.
    changed_at = models.DateTimeField()

    objects = SeenQuerySet.as_manager()

    class Meta:
        abstract = True


class BrokerUserQuerySet(SeenQuerySet):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> BrokerUserQuerySet:
        """Return the users that a person may see: all of a broker that is granted as a whole. If
        only a part is granted: those with a permission in that part, and those that belong to it
        (`BrokerUser.owner_scope`)."""
        return self.within(reach_of(user))

    def within(self, reach: Reach) -> BrokerUserQuerySet:
        """Like `visible_to`. One more query if the reach is limited to some virtual hosts."""
        in_part = BrokerPermission.objects.filter(
            reach.objects(Permission.USERS_VIEW),
            broker=models.OuterRef("broker"),
            user=models.OuterRef("name"),
        )
        whole = reach.objects(Permission.USERS_VIEW, vhost="")
        if not reach.is_partial:
            return self.filter(whole)
        return self.filter(whole | models.Q(models.Exists(in_part)) | _belonging(reach))


def _belonging(reach: Reach) -> models.Q:
    """Return the condition that a user belongs to virtual hosts that the reach covers."""
    scopes = (
        BrokerUser.objects.filter(reach.brokers(Permission.USERS_VIEW, "broker"))
        .exclude(owner_scope=None)
        .order_by()
        .values_list("broker", "broker__environment", "owner_scope")
        .distinct()
    )
    found = models.Q(pk__in=[])
    for pk, environment, scope in scopes:
        broker = Broker(pk=pk, environment=environment)
        if reach.covers_each(Permission.USERS_VIEW, broker, scope):
            found |= models.Q(broker=pk, owner_scope=scope)
    return found


class BrokerUser(SeenOnBroker):
    view_permission = Permission.USERS_VIEW
    vhost_column = ""

    name = models.TextField()
    tags = ArrayField(models.TextField(), default=list)
    #: None: the broker doesn't report it.
    has_password = models.BooleanField(null=True)
    #: For guest: whether the password is still guest. None: unknown, or another user.
    has_default_password = models.BooleanField(null=True)
    hashing_algorithm = models.TextField(blank=True)
    limits = models.JSONField(default=dict)
    #: Virtual host patterns that the user belongs to: those where its creator administered users
    #: when it was created here. None: it belongs to none, so only people with the whole broker may
    #: change it. It is deleted with the row, so a user that was gone and exists again belongs to
    #: none. Only accessctl.users.access.origins writes it.
    owner_scope = ArrayField(models.TextField(), null=True)
    #: Recognizes the password that the console last saw on a user with an `owner_scope`. It isn't
    #: the password hash.
    owner_proof = models.CharField(max_length=64, blank=True, default="", db_default="")

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
