"""The brokers registered in the console."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Case, ExpressionWrapper, F, Func, Q, Value, When
from django.db.models.functions import Coalesce, Greatest

from console.ports import BROKERS_VISIBLE_TO
from console.secrets import EncryptedField

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


from console.models.broker_states import ANSWERING, SLOW_ANSWER_MS, TROUBLED, PollState


class Environment(models.TextChoices):
    PRODUCTION = "production", "Production"
    STAGING = "staging", "Staging"
    DEVELOPMENT = "development", "Development"


def default_poll_interval_s() -> int:
    return int(settings.POLL_INTERVAL_DEFAULT_S)


class BrokerQuerySet(models.QuerySet["Broker"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> BrokerQuerySet:
        """Brokers of which the user may see any part."""
        return self.filter(BROKERS_VISIBLE_TO.ask(user))

    def with_shown_state(self, now: datetime) -> BrokerQuerySet:
        """Annotate each broker with `shown`, which is BrokerStatus.shown_state in SQL, and
        `attention`, a number by which the brokers that need a person most come first."""
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
        """Brokers that are refused, unreachable or stale, have an alarm, a missing node or a
        partition, or can't be seen completely."""
        return self.with_shown_state(now).filter(Q(attention__lte=TROUBLED))


class Broker(models.Model):
    """One RabbitMQ node or cluster, at one or more management URLs. Only people write it; what
    polling sees is in BrokerStatus, which only polling writes."""

    name = models.CharField(max_length=100, unique=True)
    environment = models.CharField(
        max_length=16, choices=Environment.choices, default=Environment.PRODUCTION
    )
    management_url = models.CharField("management URL", max_length=500)
    #: One per line: management URLs of other nodes of the same cluster, for when the first doesn't
    #: answer.
    other_urls = models.TextField("other management URLs", blank=True, default="", db_default="")
    #: Empty: taken from the broker's listeners.
    amqp_url = models.CharField("AMQP URL", max_length=500, blank=True)
    username = models.CharField("user", max_length=255)
    #: Ciphertext; empty if the password has to be entered (again).
    password_encrypted = EncryptedField(blank=True, default="")
    tls_verify = models.BooleanField("verify the certificate", default=True)
    #: PEM. Empty: the system's trust store.
    tls_ca_pem = models.TextField("CA certificates", blank=True)
    tls_server_name = models.CharField("expected certificate name", max_length=253, blank=True)
    #: PEM, with its chain: the certificate with which the console authenticates. Empty: none.
    tls_client_certificate = models.TextField(
        "client certificate", blank=True, default="", db_default=""
    )
    #: Ciphertext of the certificate's key in PEM; empty exactly if there is no certificate.
    tls_client_key_encrypted = EncryptedField(blank=True, default="", db_default="")
    enabled = models.BooleanField(default=True)
    poll_interval_s = models.PositiveIntegerField(
        "poll interval",
        default=default_poll_interval_s,
        validators=[MinValueValidator(5), MaxValueValidator(3600)],
    )
    #: Rises with each edit; the ETag of the API.
    generation = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = BrokerQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def management_urls(self) -> list[str]:
        """All management URLs, the preferred one first."""
        return [self.management_url, *self.other_urls.splitlines()]

    @property
    def has_password(self) -> bool:
        return bool(self.password_encrypted)

    @property
    def has_tls_client_key(self) -> bool:
        return bool(self.tls_client_key_encrypted)

    @property
    def is_production(self) -> bool:
        return self.environment == Environment.PRODUCTION
