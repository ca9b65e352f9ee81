"""A kind's checks over several fields, and its sentences about the effects of an operation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.engine.proposal import DesiredObject
from console.kinds.common.kind import Key, Ref, Spec
from console.kinds.refusals.versions import BrokerFacts, Fault
from console.models import Broker

#: GET of the management API, by the segments of the path. Raises BrokerError.
Get = Callable[..., Any]


def _same(broker: Broker, key: Key, fields: Mapping[str, Any]) -> dict[str, Any]:
    return dict(fields)


def _passes(broker: Broker, key: Key, fields: Mapping[str, Any]) -> object:
    return None


def _nothing(broker: Broker, key: Key, spec: Spec | None) -> Iterable[str]:
    return ()


def _taken(*what: object) -> Iterable[Fault]:
    return ()


def _no_notes(desired_objects: Sequence[DesiredObject]) -> Mapping[Ref, Sequence[str]]:
    return {}


def _unused(broker: Broker, key: Key) -> str:
    return ""


def _unguarded(broker: Broker, key: Key) -> Mapping[str, int]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Checks over several fields, and sentences about the effects of an operation. `spec` None: the
    object is deleted, or unknown."""

    #: Returns the checked fields. Raises InvalidField with the field's name.
    check: Callable[[Broker, Key, Mapping[str, Any]], dict[str, Any]] = _same
    #: Like `check`, only for the fields that an imported file changes. Raises InvalidField.
    check_changed: Callable[[Broker, Key, Mapping[str, Any]], object] = _passes
    #: Faults and warnings for a change by an imported file: observed spec, desired spec (None:
    #: deleted), and whether the file has another secret.
    of_file: Callable[
        [Broker, BrokerFacts, Key, Spec | None, Spec | None, bool], Iterable[Fault]
    ] = _taken
    #: Warnings before it is created or edited; `spec` is the desired one.
    notes: Callable[[Broker, Key, Spec | None], Iterable[str]] = _nothing
    #: Like `notes`, for many objects at once, if one lookup each costs too much.
    notes_of_many: Callable[[Sequence[DesiredObject]], Mapping[Ref, Sequence[str]]] = _no_notes
    #: Why the broker keeps the object when it is deleted without force; "" if nothing uses it.
    in_use: Callable[[Broker, Key], str] = _unused
    #: What is lost with it, and what changes for others.
    dies: Callable[[Broker, Key, Spec | None], Iterable[str]] = _nothing
    #: What it holds as last observed. The deletion isn't applied if it holds more by then.
    guard: Callable[[Broker, Key], Mapping[str, int]] = _unguarded
    #: Messages that are deleted with each key, counted on the broker (`get`) or, with `get` None,
    #: as last observed. None: unknown. Only for kinds that hold messages.
    messages: Callable[[Broker, Sequence[Key], Get | None], Mapping[Key, int | None]] | None = None
