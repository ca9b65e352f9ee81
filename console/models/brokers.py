from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Case, ExpressionWrapper, F, Func, Q, Value, When
from django.db.models.functions import Coalesce, Greatest

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
    """What the last polls say. The other states of SHOWN_STATES are not stored: they are read off the
    failures, the clock, the switch and the last figures when shown (BrokerStatus.shown_state)."""

    NEW = "new", "Not polled yet"
    REACHABLE = "reachable", "Reachable"
    REFUSED = "refused", "Refused"
    UNREACHABLE = "unreachable", "Unreachable"


#: A broker that answers, and of which something is not as it should be; the worst first. *restricted*: the
#: user it is polled with may not see all of it. *slow*: see BrokerStatus.is_slow.
IMPAIRED = ("partitioned", "node_down", "restricted", "draining", "slow")
#: States of a broker whose figures are still the present ones. *failing*: its last poll failed, by
#: something that often passes; the next one decides.
ANSWERING = ("reachable", "failing", *IMPAIRED)
#: Every state that a broker may be shown in.
SHOWN_STATES = (*ANSWERING, "refused", "unreachable", "stale", "new", "disabled")
#: Of BrokerQuerySet.with_shown_state: up to here somebody should look.
TROUBLED = 3
#: A broker that takes this long to answer one request is slow.
SLOW_ANSWER_MS = 2_000


def default_poll_interval_s() -> int:
    return int(settings.POLL_INTERVAL_DEFAULT_S)


class BrokerQuerySet(models.QuerySet["Broker"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> BrokerQuerySet:
        """Brokers of which the user may see any part."""
        return self.filter(BROKERS_VISIBLE_TO.ask(user))

    def with_shown_state(self, now: datetime) -> BrokerQuerySet:
        """Each with `shown`: BrokerStatus.shown_state said in SQL, and `attention`: what wants a
        person first comes first."""
        took = Coalesce(F("status__poll_took_ms"), 0) / 1000.0
        lasting = 2 * Greatest(F("poll_interval_s") * 1.0, took) + took + 5.0
        stale_after = ExpressionWrapper(
            lasting * Value(timedelta(seconds=1)), output_field=models.DurationField()
        )
        old = Q(status__state=PollState.REACHABLE) & (
            Q(status__answered_at=None) | Q(status__answered_at__lt=now - stale_after)
        )
        overdue = Q(status__state=PollState.NEW) & Q(status__state_since__lt=now - stale_after)
        alarmed = Q(status__alarms__isnull=False) & ~Q(status__alarms=[])
        lost_node = Q(split=True) | Q(status__nodes__contains=[{"running": False}])
        slow = Q(status__answer_ms__gte=SLOW_ANSWER_MS) | Q(
            status__poll_took_ms__gt=F("poll_interval_s") * 1000
        )
        return (
            self.annotate(
                split=Func(
                    F("status__nodes"),
                    template="jsonb_path_exists(%(expressions)s, '$[*].partitions[*]')",
                    output_field=models.BooleanField(),
                )
            )
            .annotate(
                shown=Case(
                    When(enabled=False, then=Value("disabled")),
                    When(old | overdue, then=Value("stale")),
                    When(
                        status__state=PollState.REACHABLE,
                        status__failures__gt=0,
                        then=Value("failing"),
                    ),
                    When(~Q(status__state=PollState.REACHABLE), then=F("status__state")),
                    When(split=True, then=Value("partitioned")),
                    When(status__nodes__contains=[{"running": False}], then=Value("node_down")),
                    When(status__part_errors__has_key="rights", then=Value("restricted")),
                    When(status__nodes__contains=[{"being_drained": True}], then=Value("draining")),
                    When(slow, then=Value("slow")),
                    default=F("status__state"),
                    output_field=models.CharField(),
                )
            )
            .annotate(
                attention=Case(
                    When(shown__in=[PollState.REFUSED, PollState.UNREACHABLE], then=0),
                    When(shown="stale", then=1),
                    When((alarmed | lost_node) & Q(shown__in=ANSWERING), then=2),
                    When(shown="restricted", then=3),
                    When(shown="failing", then=4),
                    When(shown__in=["draining", "slow"], then=5),
                    When(shown=PollState.NEW, then=6),
                    When(shown=PollState.REACHABLE, then=7),
                    default=8,
                    output_field=models.IntegerField(),
                )
            )
        )

    def in_trouble(self, now: datetime) -> BrokerQuerySet:
        """Refused, unreachable, stale, with an alarm, without one of its nodes, partitioned, or not to be
        seen whole."""
        return self.with_shown_state(now).filter(Q(attention__lte=TROUBLED))


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
    #: How long the last poll that was answered took, and of it the first request, in milliseconds.
    poll_took_ms = models.IntegerField(null=True)
    answer_ms = models.IntegerField(null=True)
    error_code = models.CharField(max_length=32, blank=True)
    error_detail = models.TextField(blank=True)
    #: What is wrong although the broker answers: {"depths" | "rights" | "alarms" | "nodes" | "identity" | "duplicate" |
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

    #: When the consumers of its queues were counted; None: no source tells them now.
    consumers_at = models.DateTimeField(null=True)

    # Inventory: vhosts, queues as declared, users, permissions.
    #: When all of it was last read whole.
    inventory_at = models.DateTimeField(null=True)
    #: When each part was last listed, as an ISO time: {"users": "…"}. One that never was isn't in it.
    parts_at = models.JSONField(default=dict, db_default={})
    inventory_took_ms = models.IntegerField(null=True)
    #: What kept the inventory from being taken as whole, for the page: see vhosts.polling.inventory.take.
    suspect = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "broker statuses"

    def __str__(self) -> str:
        return f"status of broker {self.broker_id}"

    def stale_after(self) -> timedelta:
        """The age from which figures are stale: two polls, at the pace that this broker can keep, the time
        a poll takes, and five seconds of grace."""
        took = (self.poll_took_ms or 0) / 1000
        return timedelta(seconds=2 * max(self.broker.poll_interval_s, took) + took + 5)

    @property
    def is_slow(self) -> bool:
        """Whether it takes long to answer, or its polls take longer than their interval."""
        return (self.answer_ms or 0) >= SLOW_ANSWER_MS or (
            self.poll_took_ms or 0
        ) > 1000 * self.broker.poll_interval_s

    def shown_state(self, now: datetime) -> str:
        """One of SHOWN_STATES, judged at `now`: right even when every worker is dead."""
        if not self.broker.enabled:
            return "disabled"
        if self.state == PollState.REACHABLE:
            if self.answered_at is None or now - self.answered_at > self.stale_after():
                return "stale"
            return "failing" if self.failures else self.impairment() or "reachable"
        if self.state == PollState.NEW and now - self.state_since > self.stale_after():
            return "stale"
        return str(self.state)

    def impairment(self) -> str:
        """What is wrong with a broker that answers: the first of IMPAIRED that holds; "" where none does."""
        view = self.cluster()
        if view.partitioned:
            return "partitioned"
        if view.down:
            return "node_down"
        if "rights" in self.part_errors:
            return "restricted"
        if self.drained_nodes():
            return "draining"
        return "slow" if self.is_slow else ""

    def drained_nodes(self) -> list[str]:
        """Nodes in maintenance mode, by name."""
        return [
            str(node.get("name")) for node in self._nodes() if node.get("being_drained") is True
        ]

    def _nodes(self) -> list[dict[str, Any]]:
        return [node for node in self.nodes if isinstance(node, dict)]

    def is_stale(self, at: datetime | None, now: datetime) -> bool:
        """Whether a figure read at `at` is too old to be taken for the present one."""
        return at is None or now - at > self.stale_after()

    def part_at(self, part: str) -> datetime | None:
        """When a part of the inventory ("users") was last listed; None: never, or not to be had."""
        at = self.parts_at.get(part)
        return self.inventory_at if at is None else datetime.fromisoformat(at)

    def knows(self, part: str) -> bool:
        """Whether a part of the inventory is known whole: only then does the absence of a row mean that
        there is no such object."""
        return not self.why_unknown(part)

    def why_unknown(self, part: str) -> str:
        """A sentence, with the remedy where there is one, for a part that isn't known whole; else ""."""
        if part in self.part_errors:
            return str(self.part_errors[part])
        if self.part_at(part) is None:
            return "No inventory has read them yet."
        if part in self.suspect:
            return "Many of them were missing from the last listing; the next one decides."
        return ""

    def counted(self, part: str, number: int) -> int | None:
        """How many objects of a part there are, by how many were seen; None where none was seen of a part
        that isn't known whole."""
        return number if number or self.knows(part) else None

    def cluster(self) -> ClusterView:
        """Which nodes ran when they were last read."""
        return stored_view(self._nodes())

    def running_nodes(self) -> int | None:
        """None where the nodes were not read."""
        if self.vitals_at is None or not self.nodes:
            return None
        return sum(1 for node in self._nodes() if node.get("running"))
