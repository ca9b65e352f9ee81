from __future__ import annotations

import hashlib
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate, pre_delete


class VhostsConfig(AppConfig):
    name = "vhosts"
    verbose_name = "Virtual hosts"

    def ready(self) -> None:
        from console.engine.ports import OBSERVE
        from console.faces.attention import register_attention
        from console.faces.face import register
        from console.models import Broker
        from console.rabbitmq.amqp.properties.fingerprint import use_key
        from vhosts import checks  # noqa: F401 – registers the system checks
        from vhosts.alerts.attention import firing_alerts
        from vhosts.alerts.forgotten import narrow_to_others
        from vhosts.bindings.face import BINDINGS
        from vhosts.exchanges.face import EXCHANGES
        from vhosts.federation.face import UPSTREAM_SETS, UPSTREAMS
        from vhosts.parameters.face import GLOBAL_PARAMETERS, PARAMETERS
        from vhosts.policies.face import OPERATOR_POLICIES, POLICIES
        from vhosts.polling.inventory.read_back import note_read_back
        from vhosts.queues.face import QUEUES
        from vhosts.queues.health.attention import queue_conditions
        from vhosts.shovels.face import SHOVELS
        from vhosts.virtual_hosts.face import VIRTUAL_HOSTS

        for face in (
            VIRTUAL_HOSTS, EXCHANGES, QUEUES, BINDINGS, POLICIES, OPERATOR_POLICIES, SHOVELS, UPSTREAMS,
            UPSTREAM_SETS, PARAMETERS, GLOBAL_PARAMETERS,
        ):  # fmt: skip
            register(face)
        use_key(hashlib.blake2b(settings.SECRET_KEY.encode(), person=b"fingerprint").digest())
        register_attention("queues", queue_conditions)
        register_attention("alerts", firing_alerts)
        OBSERVE.give(note_read_back)
        pre_delete.connect(narrow_to_others, sender=Broker)
        post_migrate.connect(make_first_partitions, sender=self)
        post_migrate.connect(store_standard_rules, sender=self)


def make_first_partitions(using: str, **kwargs: Any) -> None:
    """Create the first partitions, so that a migrated database can store history before any worker
    has run."""
    from django.utils import timezone

    from vhosts.history import partitions

    if partitions.are_migrated():
        partitions.make_ahead(timezone.now())


def store_standard_rules(using: str, **kwargs: Any) -> None:
    """Store the standard alert rules that this version brings, switched off."""
    from django.db import connection

    from vhosts.alerts.standard.seed import seed_standard_rules
    from vhosts.models import AlertRule

    if AlertRule._meta.db_table in connection.introspection.table_names():
        seed_standard_rules()
