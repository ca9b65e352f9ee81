"""Conditions of queues as lists filter, count and sort them."""

from __future__ import annotations

from django.db.models import Case, IntegerField, Q, Value, When

from console.faces.templatetags._states import STATES
from vhosts.queues.health.conditions import CONDITIONS, RULES, UNKNOWN, WELL

#: Every condition that is known to harm.
TROUBLE = "trouble"
#: A condition that isn't known.
_NOT_JUDGED = "unknown"
CONDITION_CHOICES = {
    TROUBLE: "Needs attention",
    **{name: STATES[name].label for name in RULES},
    _NOT_JUDGED: "Unknown",
    WELL: STATES[WELL].label,
}
#: The place of a condition by harm: 0 is the worst.
BY_HARM = Case(
    *(When(Q(condition=name), then=Value(place)) for place, name in enumerate(CONDITIONS)),
    default=Value(CONDITIONS.index(UNKNOWN)),
    output_field=IntegerField(),
)


def by_condition(choice: str) -> Q:
    if choice == TROUBLE:
        return Q(condition__in=list(RULES))
    return Q(condition=UNKNOWN if choice == _NOT_JUDGED else choice)


def count_conditions(counts: dict[str, int]) -> dict[str, int]:
    """Return the counts of stored conditions by choice of the filter."""
    found = {name or _NOT_JUDGED: number for name, number in counts.items()}
    return {**found, TROUBLE: sum(counts.get(name, 0) for name in RULES)}
