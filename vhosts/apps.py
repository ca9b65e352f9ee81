from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class VhostsConfig(AppConfig):
    name = "vhosts"
    verbose_name = "Virtual hosts"

    def ready(self) -> None:
        from console.engine.ports import OBSERVE
        from console.faces.face import register
        from console.faces.seen import SEEN_IDS
        from vhosts import checks  # noqa: F401 – registers the system checks
        from vhosts.drift.seen_objects import ids_of
        from vhosts.policies.face import OPERATOR_POLICIES, POLICIES
        from vhosts.polling.inventory.read_back import note_read_back

        for face in (POLICIES, OPERATOR_POLICIES):
            register(face)
        OBSERVE.give(note_read_back)
        SEEN_IDS.give(ids_of)
        post_migrate.connect(make_first_partitions, sender=self)


def make_first_partitions(using: str, **kwargs: Any) -> None:
    """A migrated database takes history at once, before any worker has run."""
    from django.utils import timezone

    from vhosts.history import partitions

    if partitions.are_migrated():
        partitions.make_ahead(timezone.now())
