from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Case, F, Q, Value, When

from console.ports import BROKERS_VISIBLE_TO
from console.rabbitmq.cluster import ClusterView, stored_view
from console.secrets import EncryptedField

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


class Environment(models.TextChoices):
    PRODUCTION = "production", "Production"
    STAGING = "staging", "Staging"
    DEVELOPMENT = "development", "Development"


class PollState(models.TextChoices):
    """What the last polls say. `failing`, `stale` and `disabled` are not stored: they are read off the
    failures, the clock and the switch when shown (BrokerStatus.shown_state)."""

    NEW = "new", "Not polled yet"
    REACHABLE = "reachable", "Reachable"
    REFUSED = "refused", "Refused"
    UNREACHABLE = "unreachable", "Unreachable"


#: States of a broker whose figures are still the present ones. *failing*: its last poll failed, by
#: something that often passes; the next one decides.
ANSWERING = ("reachable", "failing")


def default_poll_interval_s() -> int:
    return int(settings.POLL_INTERVAL_DEFAULT_S)


class BrokerQuerySet(models.QuerySet["Broker"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> BrokerQuerySet:
        """Brokers of which the user may see any part."""
        return self.filter(BROKERS_VISIBLE_TO.ask(user))

    def due_for_poll(self, now: datetime) -> BrokerQuerySet:
        """Enabled, at or past their next poll, and not claimed by a poll that may still run."""
        return self.filter(enabled=True).filter(
            Q(status__next_poll_at__lte=now),
            Q(status__claimed_until__isnull=True) | Q(status__claimed_until__lt=now),
        )

    def with_shown_state(self, now: datetime) -> BrokerQuerySet:
        """Each with `shown`: BrokerStatus.shown_state said in SQL, and `attention`: what wants a
        person first comes first."""
        stale_after = F("poll_interval_s") * timedelta(seconds=2) + timedelta(seconds=5)
        old = Q(status__state=PollState.REACHABLE) & (
            Q(status__answered_at=None) | Q(status__answered_at__lt=now - stale_after)
        )
        overdue = Q(status__state=PollState.NEW) & Q(status__state_since__lt=now - stale_after)
        alarmed = Q(status__alarms__isnull=False) & ~Q(status__alarms=[])
        return self.annotate(
            shown=Case(
                When(enabled=False, then=Value("disabled")),
                When(old | overdue, then=Value("stale")),
                When(
                    status__state=PollState.REACHABLE, status__failures__gt=0, then=Value("failing")
                ),
                default=F("status__state"),
                output_field=models.CharField(),
            )
        ).annotate(
            attention=Case(
                When(shown__in=[PollState.REFUSED, PollState.UNREACHABLE], then=0),
                When(shown="stale", then=1),
                When(alarmed & Q(shown__in=ANSWERING), then=2),
                When(shown="failing", then=3),
                When(shown=PollState.NEW, then=4),
                When(shown=PollState.REACHABLE, then=5),
                default=6,
                output_field=models.IntegerField(),
            )
        )

    def in_trouble(self, now: datetime) -> BrokerQuerySet:
        """Refused, unreachable, stale, or with an alarm."""
        return self.with_shown_state(now).filter(Q(attention__lte=2))


class Broker(models.Model):
    """One RabbitMQ node or cluster, at one management URL. Written by people only; what is seen
    there is BrokerStatus, written by polling only."""

    name = models.CharField(max_length=100, unique=True)
    environment = models.CharField(
        max_length=16, choices=Environment.choices, default=Environment.PRODUCTION
    )
    management_url = models.CharField("management URL", max_length=500)
    #: Empty: discovered from the broker's listeners.
    amqp_url = models.CharField("AMQP URL", max_length=500, blank=True)
    username = models.CharField("user", max_length=255)
    #: Ciphertext; empty where the password must be entered (again).
    password_encrypted = EncryptedField(blank=True, default="")
    tls_verify = models.BooleanField("verify the certificate", default=True)
    #: PEM. Empty: the system's trust store.
    tls_ca_pem = models.TextField("CA certificates", blank=True)
    tls_server_name = models.CharField("expected certificate name", max_length=253, blank=True)
    #: PEM, with its chain, of what the console shows of itself. Empty: none.
    tls_client_certificate = models.TextField(
        "client certificate", blank=True, default="", db_default=""
    )
    #: Ciphertext of its key in PEM; empty exactly where there is no certificate.
    tls_client_key_encrypted = EncryptedField(blank=True, default="", db_default="")
    enabled = models.BooleanField(default=True)
    poll_interval_s = models.PositiveIntegerField(
        "poll interval",
        default=default_poll_interval_s,
        validators=[MinValueValidator(5), MaxValueValidator(3600)],
    )
    #: Rises with each edit: the ETag of the API.
    generation = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = BrokerQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def has_password(self) -> bool:
        return bool(self.password_encrypted)

    @property
    def has_tls_client_key(self) -> bool:
        return bool(self.tls_client_key_encrypted)

    @property
    def is_production(self) -> bool:
        return self.environment == Environment.PRODUCTION


class BrokerStatus(models.Model):
    """What polling last saw of a broker. One row for each broker, made with it.

    Figures are None where not known. Each group of figures carries the time it was read.
    """

    broker = models.OneToOneField(
        Broker, on_delete=models.CASCADE, primary_key=True, related_name="status"
    )
    # The schedule of its polls.
    next_poll_at = models.DateTimeField(db_index=True)
    claimed_until = models.DateTimeField(null=True)
    #: Rises with each claim; a poll whose number is no longer this one writes nothing.
    claim = models.BigIntegerField(default=0)
    #: The time slot the last claimed poll stands for.
    slot_at = models.DateTimeField(null=True)
    #: The claim whose depths are stored as a whole; 0: the next poll must compare all of them.
    depths_claim = models.BigIntegerField(default=0)
    # The schedule of its inventories, likewise.
    next_inventory_at = models.DateTimeField()
    inventory_claim = models.BigIntegerField(default=0)
    inventory_claimed_until = models.DateTimeField(null=True)
    #: Failures in a row; 0 when the last poll went well.
    failures = models.PositiveIntegerField(default=0)

    # Whether it answers.
    state = models.CharField(max_length=16, choices=PollState.choices, default=PollState.NEW)
    state_since = models.DateTimeField()
    attempted_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=32, blank=True)
    error_detail = models.TextField(blank=True)
    #: What is wrong although the broker answers: {"depths" | "alarms" | "nodes" | "identity" |
    #: "vhosts" | "queues" | "users" | "permissions" | "topic_permissions": "…sentence"}.
    part_errors = models.JSONField(default=dict)
    #: What the inventory left out, by part: names, printable. For those who may see the whole broker.
    left_out = models.JSONField(default=dict, db_default={})

    # Vitals: overview and nodes.
    vitals_at = models.DateTimeField(null=True)
    rabbitmq_version = models.CharField(max_length=64, blank=True)
    erlang_version = models.CharField(max_length=64, blank=True)
    cluster_name = models.TextField(blank=True)
    #: The name it had when its settings were last edited: another one may be another broker.
    pinned_cluster_name = models.TextField(blank=True)
    pinned_generation = models.PositiveIntegerField(default=0)
    stats_enabled = models.BooleanField(null=True)
    connections = models.BigIntegerField(null=True)
    channels = models.BigIntegerField(null=True)
    consumers = models.BigIntegerField(null=True)
    exchanges = models.BigIntegerField(null=True)
    #: Messages per second.
    publish_rate = models.FloatField(null=True)
    deliver_rate = models.FloatField(null=True)
    #: [{"name", "running", "mem_used", "mem_limit", "disk_free", ...}]
    nodes = models.JSONField(default=list)
    #: Sentences; empty list: the broker says none; None: not known.
    alarms = models.JSONField(null=True)
    #: [{"node", "protocol", "address", "port"}]
    listeners = models.JSONField(default=list)

    # Depths, summed over its queues.
    depths_at = models.DateTimeField(null=True)
    depths_source = models.CharField(max_length=16, blank=True)
    #: Sources that failed: {"prometheus": {"until": "ISO time of the next try", "reason": "…"}}.
    sources_off = models.JSONField(default=dict)
    queues = models.BigIntegerField(null=True)
    #: Of these, so many are missing from the sums: the source did not tell their depth.
    queues_without_depth = models.BigIntegerField(null=True)
    messages_ready = models.BigIntegerField(null=True)
    messages_unacked = models.BigIntegerField(null=True)

    # Inventory: vhosts, queues as declared, users, permissions.
    inventory_at = models.DateTimeField(null=True)
    inventory_took_ms = models.IntegerField(null=True)
    #: What kept the inventory from being taken as whole, for the page: see vhosts.polling.inventory.take.
    suspect = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "broker statuses"

    def __str__(self) -> str:
        return f"status of broker {self.broker_id}"

    def stale_after(self) -> timedelta:
        """Two poll intervals and five seconds of grace, or the age from which figures are stale."""
        return timedelta(seconds=2 * self.broker.poll_interval_s + 5)

    def shown_state(self, now: datetime) -> str:
        """reachable | failing | refused | unreachable | stale | disabled | new, judged at `now`:
        right even when every worker is dead."""
        if not self.broker.enabled:
            return "disabled"
        if self.state == PollState.REACHABLE:
            if self.answered_at is None or now - self.answered_at > self.stale_after():
                return "stale"
            if self.failures:
                return "failing"
        elif self.state == PollState.NEW and now - self.state_since > self.stale_after():
            return "stale"
        return str(self.state)

    def is_stale(self, at: datetime | None, now: datetime) -> bool:
        """Whether a figure read at `at` is too old to be taken for the present one."""
        return at is None or now - at > self.stale_after()

    def cluster(self) -> ClusterView:
        """Which nodes ran when they were last read."""
        return stored_view([node for node in self.nodes if isinstance(node, dict)])

    def running_nodes(self) -> int | None:
        if self.vitals_at is None:
            return None
        return sum(1 for node in self.nodes if _running(node))


def _running(node: Any) -> bool:
    return isinstance(node, dict) and bool(node.get("running"))
