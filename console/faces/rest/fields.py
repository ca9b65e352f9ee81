"""Serializer fields that accept only values of their type; nothing is converted."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from console.faces.rest.parsers import shown_key


class Text(serializers.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Flag(serializers.BooleanField):
    TRUE_VALUES = {True}  # type: ignore[assignment]
    FALSE_VALUES = {False}  # type: ignore[assignment]
    NULL_VALUES = {None}  # type: ignore[assignment]

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise ValidationError("This must be true or false.", "invalid")
        return data


class Number(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return data


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses keys it does not know and keys that can only be read: what is sent is either used
    or answered with an error."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            faults = {}
            for key in data:
                field = self.fields.get(key)
                if field is None:
                    faults[shown_key(key)] = ["Unknown field."]
                elif field.read_only:
                    faults[key] = ["This field is read-only."]
            if faults:
                raise ValidationError(faults, "unknown")
        return super().to_internal_value(data)
