"""A broker in JSON: its settings, and what polling observed."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from console.brokers.broker_settings import LARGEST_PEM, MOST_URLS, SECRETS, BrokerSettings
from console.faces.rest.fields import Flag, Number, StrictSerializer, Text
from console.models import Broker, BrokerStatus, Environment
from console.models.broker_states import SHOWN_STATES
from console.rabbitmq.endpoint import Secret


class Vitals(serializers.Serializer[Any]):
    """The broker's overview and nodes."""

    at = serializers.DateTimeField(source="vitals_at", allow_null=True)
    stale = serializers.BooleanField(help_text="Whether the figures are out of date.")
    rabbitmq_version = serializers.CharField()
    erlang_version = serializers.CharField()
    cluster_name = serializers.CharField()
    stats_enabled = serializers.BooleanField(allow_null=True)
    connections = serializers.IntegerField(allow_null=True)
    channels = serializers.IntegerField(allow_null=True)
    consumers = serializers.IntegerField(allow_null=True)
    exchanges = serializers.IntegerField(allow_null=True)
    publish_rate = serializers.FloatField(allow_null=True, help_text="Messages per second.")
    deliver_rate = serializers.FloatField(allow_null=True, help_text="Messages per second.")
    nodes = serializers.ListField(child=serializers.DictField())
    exchange_types = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="Types that an exchange can have there; null if unknown.",
    )
    plugins = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="Plugins that run on every running node; null if unknown.",
    )
    alarms = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="Empty: the broker reports no alarm.",
    )
    listeners = serializers.ListField(child=serializers.DictField())


class Depths(serializers.Serializer[Any]):
    """Message counts, summed over the broker's queues."""

    at = serializers.DateTimeField(source="depths_at", allow_null=True)
    stale = serializers.BooleanField()
    source = serializers.CharField(source="depths_source", help_text="The source of the figures.")  # type: ignore[assignment]
    queues = serializers.IntegerField(allow_null=True)
    queues_without_depth = serializers.IntegerField(
        allow_null=True, help_text="The number of queues with unknown depth, left out of the sums."
    )
    ready = serializers.IntegerField(source="messages_ready", allow_null=True)
    unacked = serializers.IntegerField(source="messages_unacked", allow_null=True)


class Inventory(serializers.Serializer[Any]):
    """When virtual hosts, queues, users and permissions were last completely listed."""

    at = serializers.DateTimeField(source="inventory_at", allow_null=True)
    stale = serializers.BooleanField()
    suspect = serializers.DictField(help_text="Why a listing wasn't accepted as complete.")


class Status(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=SHOWN_STATES, help_text="As of this answer.")
    state_since = serializers.DateTimeField()
    attempted_at = serializers.DateTimeField(allow_null=True)
    answered_at = serializers.DateTimeField(allow_null=True)
    next_poll_at = serializers.DateTimeField()
    poll_took_ms = serializers.IntegerField(
        allow_null=True, help_text="Of the last poll that was answered."
    )
    answer_ms = serializers.IntegerField(
        allow_null=True,
        help_text="How long the broker took to answer the first request of that poll.",
    )
    failures = serializers.IntegerField(help_text="Failed polls in a row.")
    answered_url = serializers.CharField(
        help_text="The management URL that answered the last poll; empty: the first one."
    )
    answered_node = serializers.CharField(help_text="The node that answered the last poll.")
    urls_off = serializers.DictField(
        help_text="Management URLs that don't answer, each with the reason and since when."
    )
    error_code = serializers.CharField()
    error_detail = serializers.CharField()
    part_errors = serializers.DictField(
        help_text="Parts that couldn't be read although the broker answers, with the reason."
    )
    vitals = Vitals()
    depths = Depths()
    inventory = Inventory()

    def to_representation(self, status: BrokerStatus) -> dict[str, Any]:
        now = self.context["now"]
        names = [str(name) for name in self.fields]
        given = {name: getattr(status, name) for name in names if hasattr(status, name)}
        columns = {field.attname: getattr(status, field.attname) for field in status._meta.fields}
        overdue = now - status.stale_after()
        return dict(
            super().to_representation(
                {
                    **given,
                    "state": status.shown_state(now),
                    "vitals": {**columns, "stale": status.is_stale(status.vitals_at, now)},
                    "depths": {**columns, "stale": status.is_stale(status.depths_at, now)},
                    "inventory": {
                        **columns,
                        "stale": status.inventory_at is None or status.next_inventory_at < overdue,
                    },
                }
            )
        )


class BrokerRead(serializers.Serializer[Any]):
    """A broker. Password and client key are never given out; `has_password` and `has_tls_client_key` say whether
    they are stored."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    environment = serializers.ChoiceField(choices=Environment.choices)
    management_url = serializers.CharField()
    other_urls = serializers.SerializerMethodField(
        help_text="Management URLs of other nodes of the cluster, used when the first doesn't answer."
    )
    amqp_url = serializers.CharField(help_text="Empty: discovered from the broker's listeners.")
    username = serializers.CharField()
    has_password = serializers.BooleanField()
    tls_verify = serializers.BooleanField()
    tls_ca_pem = serializers.CharField(help_text="PEM; empty: the system's trust store.")
    tls_server_name = serializers.CharField()
    tls_client_certificate = serializers.CharField(
        help_text="Empty: no certificate is sent to the broker."
    )
    has_tls_client_key = serializers.BooleanField()
    enabled = serializers.BooleanField()
    poll_interval_s = serializers.IntegerField()
    generation = serializers.IntegerField(help_text="Increases with each edit; the ETag.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    status = Status()

    class Meta:
        ref_name = "Broker"

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_other_urls(self, broker: Broker) -> list[str]:
        return broker.other_urls.splitlines()


class BrokerWrite(StrictSerializer):
    name = Text(max_length=100)
    environment = serializers.ChoiceField(
        choices=Environment.choices, default=Environment.PRODUCTION
    )
    management_url = Text(max_length=500, help_text="http(s)://host[:port][/prefix]")
    other_urls = serializers.ListField(
        child=Text(max_length=500),
        max_length=MOST_URLS,
        default=list,
        help_text="Management URLs of other nodes of the cluster, used when the first doesn't answer.",
    )
    amqp_url = Text(
        max_length=500,
        allow_blank=True,
        default="",
        help_text="amqp(s)://host[:port]; empty: discovered from the broker's listeners.",
    )
    username = Text(max_length=255)
    password = Text(
        max_length=1000,
        required=False,
        write_only=True,
        help_text="If you leave it out of an edit, the stored password is kept. It is cleared "
        "if the address (scheme, host, port, path prefix) or the TLS settings change.",
    )
    tls_verify = Flag(default=True)
    tls_ca_pem = Text(max_length=LARGEST_PEM, allow_blank=True, default="")
    tls_server_name = Text(max_length=253, allow_blank=True, default="")
    tls_client_certificate = Text(
        max_length=LARGEST_PEM,
        allow_blank=True,
        default="",
        help_text="PEM with its chain, shown over HTTPS and AMQPS to a broker that asks for one. Empty: none, and a "
        "stored key is deleted.",
    )
    tls_client_key = Text(
        max_length=LARGEST_PEM,
        required=False,
        write_only=True,
        help_text="PEM of its key, without a passphrase. Left out of an edit, the stored one is kept.",
    )
    enabled = Flag(default=True)
    allow_duplicate = Flag(
        default=False,
        write_only=True,
        help_text="Add the broker although its cluster is registered already: it then counts twice in "
        "every total. An edit ignores it.",
    )
    poll_interval_s = Number(min_value=5, max_value=3600, required=False, help_text="Seconds.")

    class Meta:
        ref_name = "BrokerSettings"

    def settings(self, base: Broker | None = None) -> BrokerSettings:
        """Return the sent fields; for PATCH, merged into `base`."""
        given = dict(self.validated_data)
        given.pop("allow_duplicate", None)
        if "other_urls" in given:
            given["other_urls"] = "\n".join(given["other_urls"])
        for name in SECRETS:
            given[name] = Secret(given[name]) if given.get(name) else None
        given.setdefault(
            "poll_interval_s", base.poll_interval_s if base else settings.POLL_INTERVAL_DEFAULT_S
        )
        if self.partial and base is not None:
            given = {**BrokerSettings.of(base).columns(), **given}
        return BrokerSettings(**given)


class ProbeStepRead(serializers.Serializer[Any]):
    name = serializers.CharField()
    outcome = serializers.ChoiceField(choices=["ok", "failed", "warning", "skipped"])
    message = serializers.CharField()
    advice = serializers.CharField(help_text="What to do; empty if nothing is needed.")
    took_ms = serializers.IntegerField()

    class Meta:
        ref_name = "ProbeStep"


class ProbeRead(serializers.Serializer[Any]):
    """The steps of connecting to the broker. After a failed step, those that depend on it are skipped."""

    ok = serializers.SerializerMethodField(help_text="Whether no step failed.")
    steps = ProbeStepRead(many=True)

    class Meta:
        ref_name = "Probe"

    @extend_schema_field(serializers.BooleanField())
    def get_ok(self, probe: dict[str, Any]) -> bool:
        return all(step.outcome != "failed" for step in probe["steps"])
