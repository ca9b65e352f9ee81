"""Store the standard rules."""

from __future__ import annotations

from django.db import transaction

from vhosts.alerts.standard.rules import STANDARD, Standard
from vhosts.alerts.tables.rules import AlertRule


def seed_standard_rules() -> int:
    """Store, switched off, each standard rule that isn't stored. Return how many. Rules that people
    edited stay as they are; a name that is taken gets a suffix."""
    with transaction.atomic():
        stored = set(
            AlertRule.objects.exclude(standard_key=None).values_list("standard_key", flat=True)
        )
        names = set(AlertRule.objects.values_list("name", flat=True))
        missing = [one for one in STANDARD if one.key not in stored]
        AlertRule.objects.bulk_create(
            [AlertRule(**{**fields_of(one), "name": _free(one.name, names)}) for one in missing],
            ignore_conflicts=True,
        )
    return len(missing)


def fields_of(standard: Standard) -> dict[str, object]:
    """Return the fields of AlertRule as the standard rule has them."""
    return {
        "standard_key": standard.key,
        "name": standard.name,
        "description": standard.description,
        "type": standard.type,
        "threshold": standard.threshold,
        "clear_threshold": standard.clear,
        "for_s": standard.for_s,
        "severity": standard.severity,
        **standard.fields,
    }


def _free(name: str, taken: set[str]) -> str:
    return name if name not in taken else f"{name} (standard)"
