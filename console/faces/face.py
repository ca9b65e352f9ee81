"""How a kind of object is shown and changed. Lists, pages, forms, API and Django admin are drawn from its
`Face`, which is in `<app>/<noun>/face.py` and is registered when Django starts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from django.db.models import Model

from console.faces.lists import ListSpec
from console.kinds.common.kind import Key, Kind, Spec
from console.models import Broker

#: A right of the console, such as "policies:edit": a member of accessctl.rights.Permission, which is on a
#: higher floor.
Right = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """The right that each operation needs."""

    view: Right
    create: Right
    edit: Right
    delete: Right


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A form control for the part of the key or the field of the spec called `name`. `help` is shown below
    it. The widget `table` takes lines of `name = value`; `choices` maps values of a `choice` to labels."""

    name: str
    label: str
    help: str
    widget: Literal["text", "pattern", "number", "choice", "table"] = "text"
    choices: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False
    #: Suggests names while typing: "vhosts" for the broker's virtual hosts, "" for none.
    offers: Literal["", "vhosts"] = ""


def _same(broker: Broker, key: Key, fields: Mapping[str, Any]) -> dict[str, Any]:
    return dict(fields)


def _nothing(broker: Broker, key: Key, spec: Spec | None) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Checks over several fields, and sentences about the effects of an operation. `spec` None: the
    object is deleted, or unknown."""

    #: Returns the checked fields. Raises InvalidField with the field's name.
    check: Callable[[Broker, Key, Mapping[str, Any]], dict[str, Any]] = _same
    #: Sentences shown before it is created or edited; `spec` is the desired one.
    notes: Callable[[Broker, Key, Spec | None], Iterable[str]] = _nothing
    #: Sentences on what a deletion loses and changes for others; `spec` is the observed one.
    dies: Callable[[Broker, Key, Spec | None], Iterable[str]] = _nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A line of the object's page. `cell` turns the mirror row into its text or HTML."""

    label: str
    cell: Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A part of the object's page that only this kind has. `context` turns the mirror row into the
    template's variables."""

    template: str
    context: Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """How one kind is shown; see `docs/adding-a-kind.md`."""

    kind: Kind
    #: The mirror table: `broker`, a column for each part of the key and each field of the spec.
    model: type[Model]
    rights: Rights
    #: The list's address and the API's collection, such as "operator-policies".
    slug: str
    listing: ListSpec
    inputs: Sequence[Input]
    facts: Sequence[Fact]
    rules: Rules = Rules()
    panels: Sequence[Panel] = ()
    #: The kind whose list shows this one as a tab; "" for an entry in the navigation.
    tab_of: str = ""
    icon: str = "square-3-stack-3d"
    #: One sentence above the list that says what these objects are.
    about: str = ""
    #: One sentence for an empty list.
    empty: str = ""

    @property
    def name(self) -> str:
        """The kind's name."""
        return self.kind.name

    @property
    def route(self) -> str:
        """The name of the list's route. The object's route has the kind's name."""
        return self.slug.replace("-", "_")

    @property
    def key_inputs(self) -> list[Input]:
        """The form controls for parts of the key."""
        return [one for one in self.inputs if one.name in self.kind.identity]

    @property
    def field_inputs(self) -> list[Input]:
        """The form controls for fields of the spec."""
        return [one for one in self.inputs if one.name not in self.kind.identity]

    def key_of(self, row: Any) -> Key:
        """Return the key of a mirror row, in the order of `Kind.identity`."""
        return tuple(getattr(row, name) for name in self.kind.identity)

    def spec_of(self, row: Any) -> dict[str, Any]:
        """Return the observed spec of a mirror row. Fields that the broker didn't report (None) are left out."""
        values = {field.name: getattr(row, field.name) for field in self.kind.fields}
        return {name: value for name, value in values.items() if value is not None}

    def vhost_of(self, row: Any) -> str | None:
        """Return the virtual host of a mirror row; None if the kind belongs to the whole broker."""
        return self.kind.vhost_of(self.key_of(row))


FACES: dict[str, Face] = {}


def tabs_of(face: Face) -> list[Face]:
    """Return the faces whose lists are tabs of one page with this one, itself included."""
    leading = face.tab_of or face.name
    return [one for one in FACES.values() if leading in (one.name, one.tab_of)]


def register(face: Face) -> None:
    """Add the face to `FACES`. `AppConfig.ready` of the face's app calls it."""
    FACES[face.name] = face
