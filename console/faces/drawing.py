"""Parts that a kind's form, page and list are drawn from; see console.faces.face."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from console.engine.proposal import DesiredObject
from console.faces.acts.forms import ActForm
from console.faces.lists import ListRequest, ListSpec
from console.faces.operations.declare import Bulk, BulkForm
from console.kinds.common.kind import Spec
from console.models import Broker


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A form control for the key part or spec field called `name`. `help` is shown below it. The
    widget `table` takes lines of `name = value`; `choices` maps values of a `choice` to labels."""

    name: str
    label: str
    help: str
    widget: Literal["text", "pattern", "number", "choice", "table"] = "text"
    choices: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False
    #: Suggests names while typing: "vhosts" for the broker's virtual hosts, "" for none.
    offers: Literal["", "vhosts"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A form that a person opened on a broker. `row` is the mirror row, `spec` the object's desired
    state, else the observed one; None for a new object, as is `generation`. `data` is the POST,
    None to show the form. `initial` are values of a new object."""

    user: Any
    broker: Broker
    row: Any = None
    data: Any = None
    spec: Spec | None = None
    generation: int | None = None
    initial: Mapping[str, Any] = field(default_factory=dict)


def _no_warnings(desired: DesiredObject) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnForm:
    """The kind's own form, for what `Input` can't do: passwords, parts that need a right. `make`
    returns a form with a `layout` and a control for each part of the key. Its `wanted` returns the
    fields."""

    make: Callable[[Opened], ActForm]
    #: Text below the title of a new and of an existing object.
    about: tuple[str, str]
    #: Sentences above the preview.
    warnings: Callable[[DesiredObject], Iterable[str]] = _no_warnings
    #: A style sheet, as a path for {% static %}.
    css: str = ""
    #: Whether a deletion is confirmed by typing the name in production only.
    typed_in_production: bool = False
    #: Fields of a new object that the URL of its form may fill in, besides its name.
    prefills: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A line of the object's page. `cell` turns the mirror row into its text or HTML."""

    label: str
    cell: Callable[[Any], Any]


def _nothing_more(row: Any, user: Any) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A part of the object's page that only this kind has. `context` turns the mirror row into the
    template's variables."""

    template: str
    context: Callable[[Any], Mapping[str, Any]]
    #: More variables, from the mirror row and the person who looks.
    for_person: Callable[[Any, Any], Mapping[str, Any]] = _nothing_more


def _no_context(rows: Sequence[Any], user: Any) -> Mapping[str, Any]:
    return {}


def _as_they_are(rows: Any, user: Any) -> Any:
    return rows


def _same(rows: Any) -> Any:
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage:
    """What only this kind's list has, in addition to its `listing`."""

    #: Templates of the <tr>s, and of the buttons beside the heading.
    rows: str = "faces/_rows.html"
    acts: str = "faces/_list_acts.html"
    #: Variables for these templates, from the rows of one page and the person.
    context: Callable[[Sequence[Any], Any], Mapping[str, Any]] = _no_context
    #: The listing for a person, if the order of rows could reveal what they may not see.
    for_viewer: Callable[[Any], ListSpec] | None = None
    #: The rows of a virtual host that the person may see; for a kind that belongs to none.
    in_vhost: Callable[[Any, str, Any], Any] | None = None
    #: Adds columns that Postgres computes for the rows of a page, such as counts.
    annotated: Callable[[Any], Any] = _same
    #: Where its figures come from: polls, or only inventories.
    reads: Literal["polls", "inventory"] = "inventory"
    #: The list has a view of its own, in the kind's app.
    own_view: bool = False
    #: Operations on the selected rows.
    bulk: Sequence[Bulk | BulkForm] = ()
    #: The rows that the list shows, of those in scope, if it hides some unless they are asked for.
    listed: Callable[[Any, ListRequest], Any] = _as_they_are
    #: Rows for an export, which reads them one by one.
    exported: Callable[[Any, Any], Any] = _as_they_are
