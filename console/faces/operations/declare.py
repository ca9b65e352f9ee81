"""How an act of a kind is offered, and what can be done with the selected rows of a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from console.engine.acts.request import RequestedAct
from console.engine.proposal import DesiredObject
from console.kinds.common.acts import Act
from console.kinds.common.kind import Ref

#: Most objects in one change of a list's selection.
MOST_SELECTED = 20_000


def _nothing(row: Any) -> Sequence[str]:
    return ()


def _unguarded(row: Any) -> Mapping[str, int]:
    return {}


def _may(row: Any) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectAct:
    """An act as pages and API offer it. Functions get the mirror row."""

    act: Act
    #: The right that it needs; checked again before it is sent.
    right: Any
    #: Sentences for the preview. `details` may run queries, so it's left out for many objects.
    notes: Callable[[Any], Sequence[str]] = _nothing
    details: Callable[[Any], Sequence[str]] = _nothing
    #: What is lost, as last observed, by the names of `Act.loses`; empty if unknown.
    guard: Callable[[Any], Mapping[str, int]] = _unguarded
    #: Why it can't be done, as last observed; "" if it can.
    refuses: Callable[[Any], str] = _may
    #: Description in the API.
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """What an operation requests for the selected rows. `remarks` are sentences about all of them,
    `dies` sentences by object."""

    desired_objects: Sequence[DesiredObject] = ()
    acts: Sequence[RequestedAct] = ()
    remarks: Sequence[str] = ()
    dies: Mapping[Ref, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """An operation on the selected rows of a list. `name` is in its address; `verb` is on its
    button: "Purge". `make` gets the rows and the person, and raises ConsoleError."""

    name: str
    verb: str
    right: Any
    make: Callable[[Sequence[Any], Any], Selected]
    icon: str = "bolt"
    danger: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkForm:
    """A form that the selected rows of a list fill in. `leads_to` gets the rows and the person,
    returns the form's address, and raises ConsoleError."""

    name: str
    verb: str
    right: Any
    leads_to: Callable[[Sequence[Any], Any], str]
    danger: bool = False
