"""System checks of the history.

They are registered under the database tag, so they run with `check --database default` and before
a migration, not at every start.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register
from django.utils import timezone

from vhosts.history import partitions


@register(Tags.database)
def check_partitions(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    if not databases or not partitions.are_migrated():
        return []
    missing = partitions.missing(timezone.now())
    if not missing:
        return []
    return [
        Warning(
            f"History has no partition for today or tomorrow: {', '.join(missing)}.",
            hint="Run a worker and beat, which create partitions in advance, or run "
            "manage.py migrate.",
            id="vhosts.W001",
        )
    ]
