"""Filters and orders of a kind's list in the API, from the same declaration as its page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import django_filters
from django.db.models import Model, QuerySet
from django.db.models.expressions import Combinable

from console.faces.face import Face
from console.faces.lists import Filter, ListSpec
from console.faces.rest.filters import BrokerFilter, FlagFilter, TextFilter
from console.kinds.registry import KINDS

#: A column or expression to sort by, or a function that returns one for a person.
Order = str | Combinable | Callable[[Any], str | Combinable]


class _FaceFilters(django_filters.FilterSet):
    face: ClassVar[Face]

    def by_declared(self, rows: QuerySet[Any], name: str, value: str | bool) -> QuerySet[Any]:
        listing = self.face.listing_for(self.request.user)
        one = next(one for one in listing.filters if one.key == name)
        if isinstance(value, bool):
            return rows.filter(one.where("1") if value else ~one.where("1"))
        return rows.filter(one.where(value))

    def by_vhost(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        found: QuerySet[Any] = self.face.in_vhost(rows, value, self.request.user)
        return found


def filters_of(face: Face) -> type[django_filters.FilterSet]:
    """Return the query parameters: the broker, the parts of the key, and every filter of the page."""
    fields: dict[str, Any] = {"broker": BrokerFilter()}
    if face.list_page.in_vhost is not None:
        fields["vhost"] = TextFilter(
            method="by_vhost", help_text="The exact name of a virtual host they have access to."
        )
    fields |= {one.key: _filter(one) for one in face.listing.filters}
    fields |= {name: _exactly(name) for name in face.kind.identity}
    meta = type("Meta", (), {"model": face.model, "fields": []})
    name = "".join(word.capitalize() for word in face.name.split("_"))
    return type(f"{name}Filters", (_FaceFilters,), {**fields, "face": face, "Meta": meta})


def filters_of_list(
    name: str, model: type[Model], listing: ListSpec, exact: Sequence[str]
) -> type[django_filters.FilterSet]:
    """Return the query parameters of a list that belongs to no kind: the broker, every filter of the
    page, and the columns `exact`."""
    found = {one.key: one for one in listing.filters}

    def by_declared(self: Any, rows: Any, key: str, value: str | bool) -> Any:
        if isinstance(value, bool):
            where = found[key].where("1")
            return rows.filter(where if value else ~where)
        return rows.filter(found[key].where(value))

    fields: dict[str, Any] = {"broker": BrokerFilter(), "by_declared": by_declared}
    fields |= {key: _filter(one) for key, one in found.items()}
    fields |= {key: _exactly(key) for key in exact}
    meta = type("Meta", (), {"model": model, "fields": []})
    return type(f"{name}Filters", (django_filters.FilterSet,), {**fields, "Meta": meta})


def ordering_of_list(listing: ListSpec) -> dict[str, Order]:
    """Return the values of `ordering` of such a list: id, and every column that the page sorts by."""
    found: dict[str, Order] = {"id": "id"}
    return found | {key: column.order[0] for key, column in listing.sortable().items()}


def _exactly(name: str) -> TextFilter:
    """Return the filter of a part of the key; its help names the kind that the part refers to."""
    of = f" of the {KINDS[name].noun}" if name in KINDS else ""
    return TextFilter(help_text=f"The exact name{of}.")


def _filter(one: Filter) -> django_filters.Filter:
    said = one.help or f"{one.label}."
    if one.kind == "flag":
        text = f"`true`: {said[0].lower()}{said[1:]} `false`: all others."
        return FlagFilter(method="by_declared", help_text=text)
    if one.kind == "choice" and not one.others:
        return django_filters.ChoiceFilter(
            method="by_declared", choices=list(one.choices.items()), help_text=said
        )
    if one.choices:
        said = f"{said} Also {', '.join(f'`{name}`' for name in one.choices)}."
    return TextFilter(method="by_declared", help_text=said)


def ordering_of(face: Face) -> dict[str, Order]:
    """Return the values of `ordering`: id, broker, key parts, and every column that the page sorts
    by."""
    found: dict[str, Order] = {"id": "id", "broker": "broker__name"}
    found |= {name: name for name in face.kind.identity}
    for key, column in face.listing.sortable().items():
        found.setdefault(key, column.order[0])
        if face.list_page.for_viewer is not None and not isinstance(column.order[0], str):
            found[key] = _for_viewer(face, key)
    return found


def _for_viewer(face: Face, key: str) -> Order:
    return lambda user: face.listing_for(user).sortable()[key].order[0]
