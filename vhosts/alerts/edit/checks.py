"""Check the fields of rules, windows and owners."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from accessctl import globs
from accessctl.authorize import AnyUser, may_over
from accessctl.reach import Place
from accessctl.rights import Permission
from console.errors import InvalidField, NotAllowed
from console.models import Broker, Environment
from vhosts.alerts.tables.choices import MessageType, Severity
from vhosts.alerts.types.declare import RuleType
from vhosts.alerts.types.registry import TYPES

_WEEK = 7 * 86_400
_LEAST_REMINDER_S = 60
_TEXT_CHARACTERS = 4_000


def checked_rule(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of AlertRule for a person's fields, without `brokers`. What the type
    doesn't use has its default. Raises InvalidField."""
    kind = TYPES.get(str(fields.get("type", "")))
    if kind is None:
        raise InvalidField("type", "Select a type of rule.")
    columns: dict[str, Any] = {
        "type": kind.key,
        "name": line("name", fields.get("name"), 200),
        "description": text("description", fields.get("description")),
        "severity": choice("severity", fields.get("severity", Severity.WARNING), Severity.values),
        "environment": environment(fields.get("environment", "")),
        "for_s": seconds("for_s", fields.get("for_s", 0)),
        "keep_s": seconds("keep_s", fields.get("keep_s", 0)),
        "reminder_s": seconds("reminder_s", fields.get("reminder_s", 0)),
        "enabled": flag("enabled", fields.get("enabled", False)),
        "message_type": choice(
            "message_type",
            fields.get("message_type", MessageType.READY)
            if "message_type" in kind.uses
            else "ready",
            MessageType.values,
        ),
        "parameters": _parameters(kind, fields.get("parameters") or {}),
        **_thresholds(kind, fields),
    }
    for name in ("vhost_pattern", "queue_pattern"):
        given = fields.get(name) if name in kind.uses else globs.EVERYTHING
        columns[name] = pattern(name, given)
    if 0 < columns["reminder_s"] < _LEAST_REMINDER_S:
        raise InvalidField(
            "reminder_s", f"Remind at most every {_LEAST_REMINDER_S} seconds; 0 means never."
        )
    return columns


def _thresholds(kind: RuleType, fields: Mapping[str, Any]) -> dict[str, float | None]:
    if not kind.threshold:
        return {"threshold": None, "clear_threshold": None}
    limit = number("threshold", fields.get("threshold"))
    clear = fields.get("clear_threshold")
    if clear is None or clear == "":
        return {"threshold": limit, "clear_threshold": None}
    clear = number("clear_threshold", clear)
    if clear < limit if kind.below else clear > limit:
        side = "at least" if kind.below else "at most"
        raise InvalidField("clear_threshold", f"It resolves at {side} the threshold, {limit:g}.")
    return {"threshold": limit, "clear_threshold": clear}


def _parameters(kind: RuleType, given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise InvalidField("parameters", "Parameters are an object of names and values.")
    known = {one.name: one for one in kind.parameters}
    for name in given:
        if name not in known:
            raise InvalidField("parameters", f"Rules of this type have no parameter {name!r:.80}.")
    found: dict[str, Any] = {}
    for name, value in given.items():
        if not isinstance(known[name].default, list):
            found[name] = number("parameters", value)
        elif isinstance(value, list) and all(isinstance(one, str) for one in value):
            found[name] = [line("parameters", one, 100) for one in value][:100]
        else:
            raise InvalidField("parameters", f"{known[name].label}: enter a list of words.")
    return found


def number(field: str, value: Any) -> float:
    """Return a finite number. Raises InvalidField."""
    try:
        found = float(value) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found) or abs(found) > 1e15:
        raise InvalidField(field, "Enter a number.")
    return found


def flag(field: str, value: Any) -> bool:
    """Return true or false; the text "false" is neither. Raises InvalidField."""
    if not isinstance(value, bool):
        raise InvalidField(field, "Enter true or false.")
    return value


def seconds(field: str, value: Any) -> int:
    """Return whole seconds, at most a week. Raises InvalidField."""
    found = number(field, value)
    if not 0 <= found <= _WEEK or found != int(found):
        raise InvalidField(field, f"Enter 0 to {_WEEK:,} whole seconds.")
    return int(found)


def line(field: str, value: Any, most: int) -> str:
    """Return one line of printable text that isn't empty. Raises InvalidField."""
    found = str(value or "").strip()
    if not found or len(found) > most or not found.isprintable():
        raise InvalidField(field, f"Enter a text of 1 to {most} printable characters.")
    return found


def text(field: str, value: Any) -> str:
    """Return a text, maybe empty and of several lines. Raises InvalidField."""
    found = str(value or "").strip()
    if len(found) > _TEXT_CHARACTERS or "\x00" in found:
        raise InvalidField(field, f"Enter at most {_TEXT_CHARACTERS:,} characters.")
    return found


def choice(field: str, value: Any, choices: Sequence[str]) -> str:
    if value not in choices:
        raise InvalidField(field, f"{field} must be one of {', '.join(choices)}.")
    return str(value)


def environment(value: Any) -> str:
    """Return an environment; "" for all. Raises InvalidField."""
    return choice("environment", value, Environment.values) if value else ""


def pattern(field: str, value: Any) -> str:
    """Return a pattern; everything if none is given. Raises InvalidField."""
    found = str(value or globs.EVERYTHING)
    fault = globs.fault(found)
    if fault:
        raise InvalidField(field, fault)
    return found


def require_scope(
    user: AnyUser, brokers: Sequence[Broker], environment: str, vhost_pattern: str
) -> None:
    """Raise NotAllowed unless the user may edit alerts over the whole scope."""
    if not may_edit(user, brokers, environment, vhost_pattern):
        raise NotAllowed(
            "Your grants don't cover everything that this concerns. Select fewer brokers or a "
            "narrower pattern of virtual hosts."
        )


def may_edit(
    user: AnyUser, brokers: Sequence[Broker], environment: str, vhost_pattern: str
) -> bool:
    """Return whether the user may edit alerts over a scope: the brokers, or without any all of the
    environment."""
    if brokers:
        places = [Place(broker=one, vhost_pattern=vhost_pattern) for one in brokers]
    else:
        places = [Place(environment=environment, vhost_pattern=vhost_pattern)]
    return all(may_over(user, Permission.ALERTS_EDIT, place) for place in places)
