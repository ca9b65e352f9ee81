"""Checks of parameters that don't depend on the broker's version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.errors import InvalidField
from console.kinds.common.kind import Key
from console.kinds.parameter import KIND_OF
from console.models import Broker
from console.reconcile.definitions.text import why_unreadable


def check(broker: Broker, key: Key, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a parameter. Raises InvalidField."""
    if reason := why_unreadable(fields.get("value")):
        raise InvalidField("value", reason)
    return dict(fields)


def check_component(broker: Broker, key: Key, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Like `check`, for a parameter whose component stands in its key."""
    if (kind := KIND_OF.get(key[0])) is not None:
        raise InvalidField(
            "component",
            f"Parameters of the component {key[0]} are {kind.plural}; change them there.",
        )
    if "value" not in fields:
        raise InvalidField("value", "Enter a value.")
    return check(broker, key, fields)
