from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q

from accessctl.globs import EVERYTHING, is_everything
from accessctl.grants.roles import PERMISSIONS_OF, Role
from accessctl.reach import Place, reach_of
from accessctl.rights import Permission
from console.models import Broker, Environment

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


class GrantQuerySet(models.QuerySet["Grant"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> GrantQuerySet:
        """Return the grants that the user may see.

        Their own and those of their groups, and those in places where they may see grants. For a
        broker, these include grants that reach it through its environment or all brokers.
        """
        reach = reach_of(user)
        if not reach.lets(Permission.GRANTS_VIEW):
            return self.none()
        if reach.covers(Permission.GRANTS_VIEW, Place()):
            return self
        groups = Group.objects.filter(user=user.pk)
        brokers = Broker.objects.filter(reach.brokers(Permission.GRANTS_VIEW))
        environments = Q(environment="") | Q(environment__in=brokers.values("environment"))
        reaching = Q(broker__in=brokers) | (Q(models.Exists(brokers), broker=None) & environments)
        return self.filter(Q(user=user.pk) | Q(group__in=groups) | reaching)


class Grant(models.Model):
    """What a person or group may do in the console, and where. Not one of RabbitMQ's permissions.
    Only accessctl.grants.service creates and deletes them.

    With neither broker nor environment, it applies to all brokers.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="grants"
    )
    group = models.ForeignKey(Group, null=True, on_delete=models.CASCADE, related_name="grants")
    role = models.CharField(max_length=32, choices=Role.choices)
    broker = models.ForeignKey(Broker, null=True, on_delete=models.CASCADE, related_name="grants")
    environment = models.CharField(max_length=16, choices=Environment.choices, blank=True)
    #: See accessctl.globs.
    vhost_pattern = models.TextField(default=EVERYTHING)
    #: Adds messages:read, which is in no role.
    reads_messages = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    objects = GrantQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(user=None) ^ Q(group=None), name="grant_is_for_one_user_or_one_group"
            ),
            models.CheckConstraint(
                condition=Q(broker=None) | Q(environment=""),
                name="grant_is_on_a_broker_or_an_environment",
            ),
            models.UniqueConstraint(
                fields=["user", "group", "role", "broker", "environment", "vhost_pattern"],
                nulls_distinct=False,
                name="one_grant_of_a_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.grantee}: {self.words}"

    @property
    def grantee(self) -> str:
        if self.user is not None:
            return self.user.get_username()
        return f"group {self.group.name}" if self.group is not None else "nobody"

    @property
    def place(self) -> str:
        """Return where it applies, as text."""
        if self.broker is not None:
            where = self.broker.name
        elif self.environment:
            where = f"all {Environment(self.environment).label.lower()} brokers"
        else:
            where = "all brokers"
        if is_everything(self.vhost_pattern):
            return where
        return f"virtual hosts {self.vhost_pattern} on {where}"

    @property
    def words(self) -> str:
        reading = ", reads messages" if self.reads_messages else ""
        return f"{Role(self.role).label} on {self.place}{reading}"

    @property
    def permissions(self) -> frozenset[Permission]:
        found = PERMISSIONS_OF[Role(self.role)]
        return found | {Permission.MESSAGES_READ} if self.reads_messages else found

    def is_on(self, broker: Broker) -> bool:
        if self.broker_id is not None:
            return self.broker_id == broker.pk
        return not self.environment or self.environment == broker.environment
