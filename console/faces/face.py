"""How a kind of object is shown and changed. Lists, pages, forms, API and Django admin are drawn
from its `Face`, defined in `<app>/<noun>/face.py` and registered when Django starts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.db.models import Model

from console.engine.proposal import DesiredObject
from console.faces.drawing import Fact, Input, ListPage, OwnForm, Panel
from console.faces.lists import Column, ListSpec
from console.faces.mirror import Mirror
from console.faces.operations.declare import ObjectAct
from console.faces.rules import Get as Get
from console.faces.rules import Rules as Rules
from console.faces.writes import Api
from console.kinds.common.kind import Key, Kind, Ref, Spec
from console.kinds.registry import KINDS
from console.models import Broker

#: A right of the console, such as "policies:edit": a member of accessctl.rights.Permission, which
#: is on a higher floor.
Right = Any


def _last(key: Key) -> str:
    return key[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """The right that each operation needs."""

    view: Right
    create: Right
    edit: Right
    delete: Right


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A planned change of an object; `changed` are the names of the fields that differ. `by_file`:
    an imported definitions file, with its secrets."""

    before: Spec | None
    after: Spec | None
    changed: Collection[str]
    by_file: bool = False


class WhyNot(Protocol):
    """Return why the person may not use the right on this object: one sentence, "" if they may.
    None: only its place matters. `again`: a step is about to be applied."""

    def __call__(
        self, user: Any, right: Right, broker: Broker, key: Key, *, again: bool = False
    ) -> str | None: ...


def _by_place(
    user: Any, right: Right, broker: Broker, key: Key, *, again: bool = False
) -> str | None:
    return None


def _known(user: Any, broker: Broker, keys: Collection[Key]) -> Collection[Key]:
    return keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """How POST /api/v1/plans/ plans the kind. `body` is the serializer of its POST; `make` gets the
    checked fields, whether to delete it, the person, and the refs that the same plan creates."""

    body: type[Any]
    make: Callable[[dict[str, Any], bool, Any, Collection[Ref]], list[DesiredObject]]


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """A usual next step after an object was created. `route` is a page of the broker; `parameters`
    maps its query parameters to parts of the object's key."""

    label: str
    route: str
    right: Right
    parameters: Mapping[str, str]


_NO_LIST = ListSpec(
    name="", columns=[Column(key="id", label="", order=["id"])], default_sort="id", tiebreak=["id"]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """How one kind is shown; see `docs/adding-a-kind.md`."""

    kind: Kind
    #: The mirror table: `broker`, a column for each part of the key and each field of the spec.
    model: type[Model]
    rights: Rights
    #: The list's path and the API's collection, such as "operator-policies".
    slug: str
    #: The list, for the page, its CSV export, and the API's filters and orders.
    listing: ListSpec = field(default_factory=lambda: _NO_LIST)
    list_page: ListPage = field(default_factory=ListPage)
    #: The controls of a drawn form; without them, the kind has its own page and admin.
    inputs: Sequence[Input] = ()
    #: The kind's own form, on the general pages to create, edit and delete.
    form: OwnForm | None = None
    facts: Sequence[Fact] = ()
    rules: Rules = field(default_factory=Rules)
    mirror: Mirror = field(default_factory=Mirror)
    #: All rights that a change needs; the first is checked again before the step is applied. None:
    #: as in `rights`.
    needs: Callable[[Intent], Sequence[Right]] | None = None
    why_not: WhyNot = _by_place
    #: The keys whose existence the person may know.
    known: Callable[[Any, Broker, Collection[Key]], Collection[Key]] = _known
    planned: Planned | None = None
    #: None: the API is drawn from the fields, if the form is.
    api: Api | None = None
    #: The route of the object's page; "" for the kind's name if the page is drawn, else no page.
    page: str = ""
    panels: Sequence[Panel] = ()
    #: Operations on one object that are no desired state, each with a page and a POST in the API.
    acts: Sequence[ObjectAct] = ()
    #: Links beside the change that created an object, before "its page" and "create another".
    then: Sequence[NextStep] = ()
    #: The kind whose list shows this one as a tab; "" for an entry in the navigation.
    tab_of: str = ""
    #: The label of that entry, if it stands for more than this kind; "" for the kind's plural.
    place: str = ""
    #: More tabs beside the list that are no kinds: labels and routes.
    beside: Sequence[tuple[str, str]] = ()
    icon: str = "square-3-stack-3d"
    #: Returns the title of the object's page.
    title: Callable[[Key], str] = _last
    #: Index of the part of the key that is typed to confirm a deletion.
    typed_at: int = -1
    #: Label of the link to delete an object that the broker would keep because it is in use; "": there
    #: is no such way.
    forced: str = ""
    #: One sentence above the list that says what these objects are.
    about: str = ""
    #: One sentence for an empty list.
    empty: str = ""

    @property
    def name(self) -> str:
        """The kind's name."""
        return self.kind.name

    @property
    def is_drawn(self) -> bool:
        """Whether its form, page and admin are drawn."""
        return bool(self.inputs)

    @property
    def has_form(self) -> bool:
        """Whether it uses the general pages to create, edit and delete."""
        return self.is_drawn or self.form is not None

    @property
    def is_listed(self) -> bool:
        """Whether it uses the general list."""
        return self.listing is not _NO_LIST and not self.list_page.own_view

    @property
    def has_api(self) -> bool:
        """Whether it uses the general API views."""
        return self.is_drawn or self.api is not None

    @property
    def object_route(self) -> str:
        return self.page or (self.name if self.is_drawn else "")

    @property
    def route(self) -> str:
        """The name of the list's route. The object's route has the kind's name."""
        return self.slug.replace("-", "_")

    @property
    def field_inputs(self) -> list[Input]:
        """The form controls for fields of the spec."""
        return [one for one in self.inputs if one.name not in self.kind.identity]

    def listing_for(self, user: Any) -> ListSpec:
        """Return the list as the person may see it."""
        return self.list_page.for_viewer(user) if self.list_page.for_viewer else self.listing

    def in_vhost(self, rows: Any, vhost: str, user: Any) -> Any:
        """Return the mirror rows that belong to a virtual host; all if the kind belongs to none."""
        if self.list_page.in_vhost is not None:
            return self.list_page.in_vhost(rows, vhost, user)
        if self.kind.vhost_at is None:
            return rows
        return rows.filter(**{self.kind.identity[self.kind.vhost_at]: vhost})

    def present(self) -> Any:
        """Return the mirror rows of objects that aren't known to be gone."""
        rows = self.model._default_manager.all()
        return rows.filter(**{self.mirror.leaves: None}) if self.mirror.leaves else rows

    def key_of(self, row: Any) -> Key:
        """Return the key of a mirror row, in the order of `Kind.identity`."""
        return tuple(getattr(row, name) for name in self.kind.identity)

    def called(self, key: Key) -> str:
        """Return the object for the title of a change, such as "permission of app on /"."""
        own = self.api.called if self.api else ""
        return own.format(*key) if own else self.kind.phrase(key)

    def spec_of(self, row: Any) -> dict[str, Any]:
        """Return the observed spec, for comparison. Values that the broker didn't report are left
        out."""
        if self.mirror.to_spec is not None:
            return self.mirror.to_spec(row)
        values = {field.name: getattr(row, field.name) for field in self.kind.fields}
        return {name: value for name, value in values.items() if value is not None}

    def rights_for(self, intent: Intent) -> Sequence[Right]:
        """Return all rights that the change needs; never empty."""
        if self.needs is not None:
            return self.needs(intent)
        if intent.after is None:
            return [self.rights.delete]
        return [self.rights.create if intent.before is None else self.rights.edit]

    def vhost_of(self, row: Any) -> str | None:
        """Return the virtual host of a mirror row; None if the kind belongs to the whole broker."""
        return self.kind.vhost_of(self.key_of(row))


#: By kind.
FACES: dict[str, Face] = {}


def drawn_faces() -> list[Face]:
    """Return the faces whose form, page and admin are drawn."""
    return [face for face in FACES.values() if face.is_drawn]


def notes_of(desired_objects: Sequence[DesiredObject]) -> dict[Ref, Sequence[str]]:
    """Return the warnings of `notes_of_many` by object, before these are requested."""
    found: dict[Ref, Sequence[str]] = {}
    for face in FACES.values():
        of_kind = [desired for desired in desired_objects if desired.ref.kind == face.name]
        found |= face.rules.notes_of_many(of_kind) if of_kind else {}
    return found


def register(face: Face) -> None:
    """Register a face; called once by `AppConfig.ready`. Faces keep the order of the registry of
    kinds, whichever app comes first."""
    found = {**FACES, face.name: face}
    FACES.clear()
    FACES.update({name: found[name] for name in KINDS if name in found})
