"""How a kind of object is shown and changed: its lists, pages, forms, API and administration are drawn
from this. A kind's app folder has one (`<app>/<noun>/face.py`) and registers it when Django starts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from django.db.models import Model

from console.faces.lists import ListSpec
from console.kinds.common.kind import Key, Kind, Spec
from console.models import Broker

#: A right of the console's, such as "policies:edit": a member of accessctl.rights.Permission, which
#: stands above.
Right = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    view: Right
    create: Right
    edit: Right
    delete: Right


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A control of the form, for a part of the key or a field of the spec of that name. `table` holds
    `name = value` lines."""

    name: str
    label: str
    help: str
    widget: Literal["text", "pattern", "number", "choice", "table"] = "text"
    choices: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False
    #: Names offered while typing: "vhosts".
    offers: Literal["", "vhosts"] = ""


def _same(broker: Broker, key: Key, fields: Mapping[str, Any]) -> dict[str, Any]:
    return dict(fields)


def _nothing(broker: Broker, key: Key, spec: Spec | None) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Checks over several fields, and sentences about what an act does."""

    #: The fields, each in its one form. Raises InvalidField.
    check: Callable[[Broker, Key, Mapping[str, Any]], dict[str, Any]] = _same
    #: What to think of before it is created or edited; `spec` is what it is to be.
    notes: Callable[[Broker, Key, Spec | None], Iterable[str]] = _nothing
    #: What is lost with it, and what changes for others.
    dies: Callable[[Broker, Key, Spec | None], Iterable[str]] = _nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A line of the object's page."""

    label: str
    cell: Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A part of the object's page that is this kind's own: `context(row)` for the template."""

    template: str
    context: Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    kind: Kind
    #: The mirror row: a column for each part of the key and each field of the spec.
    model: type[Model]
    rights: Rights
    #: Address of the list and of the API's collection.
    slug: str
    listing: ListSpec
    inputs: Sequence[Input]
    facts: Sequence[Fact]
    rules: Rules = Rules()
    panels: Sequence[Panel] = ()
    #: The name of the kind beside whose list this one is a tab; "" for an entry of its own in the rail.
    tab_of: str = ""
    icon: str = "square-3-stack-3d"
    #: One sentence above the list: what such objects are.
    about: str = ""
    #: One sentence where there are none.
    empty: str = ""

    @property
    def name(self) -> str:
        return self.kind.name

    @property
    def route(self) -> str:
        """The name of the list's route; the object's own is the kind's name."""
        return self.slug.replace("-", "_")

    @property
    def field_inputs(self) -> list[Input]:
        return [one for one in self.inputs if one.name not in self.kind.identity]

    def key_of(self, row: Any) -> Key:
        return tuple(getattr(row, name) for name in self.kind.identity)

    def spec_of(self, row: Any) -> dict[str, Any]:
        """What was seen, as the spec that is compared. What the broker did not tell is left out."""
        values = {field.name: getattr(row, field.name) for field in self.kind.fields}
        return {name: value for name, value in values.items() if value is not None}

    def vhost_of(self, row: Any) -> str | None:
        return self.kind.vhost_of(self.key_of(row))


FACES: dict[str, Face] = {}


def tabs_of(face: Face) -> list[Face]:
    """The lists that are shown as tabs beside this one, itself among them; one alone needs none."""
    leading = face.tab_of or face.name
    return [one for one in FACES.values() if leading in (one.name, one.tab_of)]


def register(face: Face) -> None:
    """By `AppConfig.ready`, once."""
    FACES[face.name] = face
