"""Filters for query parameters: each value is used or refused, never silently ignored."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from console.models import Broker

_TIME = re.compile(
    r"(\d{4})-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(?P<zone>Z|[+-]\d\d:\d\d)?", re.ASCII
)
_TIME_HINT = "Use a form such as 2026-11-23T15:04:05Z, or an offset such as %2B01:00."


def parse_time(text: str) -> datetime:
    """Return an ISO 8601 time with its zone as UTC. Raises ValueError with a sentence."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"Not a valid time. {_TIME_HINT}")
    if not found["zone"]:
        raise ValueError(f"The time has no zone. {_TIME_HINT}")
    if not 2000 <= int(found[1]) <= 2200:
        raise ValueError("The year must be between 2000 and 2200.")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"Not a valid time. {_TIME_HINT}") from None


class TimeField(forms.CharField):
    def to_python(self, value: Any) -> Any:
        if not value:
            return None
        try:
            return parse_time(value)
        except ValueError as error:
            # As a parameter: django-filter formats the message, which contains percent signs.
            raise ValidationError("%(reason)s", params={"reason": str(error)}) from None


class TimeFilter(django_filters.Filter):
    field_class = TimeField


class TextFilter(django_filters.CharFilter):
    """Matches exactly this text: spaces count, as they do in RabbitMQ's names."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, strip=False, max_length=1000, **kwargs)


class FlagFilter(django_filters.TypedChoiceFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        choices = [("true", "true"), ("false", "false")]
        super().__init__(*args, choices=choices, coerce=lambda text: text == "true", **kwargs)


class BrokerFilter(django_filters.CharFilter):
    """A broker by ID, or by name if the value isn't a number. A broker that the user can't see
    doesn't exist."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "A broker's ID or name.")
        super().__init__(*args, strip=False, max_length=100, **kwargs)

    def filter(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        if not value:
            return queryset
        is_id = value.isascii() and value.isdecimal() and len(value) <= 18
        found = Broker.objects.visible_to(self.parent.request.user).filter(
            **({"pk": int(value)} if is_id else {"name": value})
        )
        return queryset.filter(broker=_one(found))


def _one(brokers: QuerySet[Broker]) -> Broker:
    from rest_framework.exceptions import ValidationError as Refused

    broker = brokers.first()
    if broker is None:
        raise Refused({"broker": ["Broker not found. Send its ID or name."]})
    return broker
