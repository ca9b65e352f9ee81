"""Acts in the API: on one object, POST /api/v1/<collection>/<id>/<act>/, and on many,
POST /api/v1/<collection>/selected/<operation>/."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from console.errors import InvalidField
from console.faces.face import Face
from console.faces.operations.declare import MOST_SELECTED, Bulk, ObjectAct, Selected
from console.faces.operations.requests import requested, title_of
from console.faces.pages.words import counted
from console.faces.ports import REQUIRE
from console.faces.rest.drawn.changing import (
    PARAMETERS,
    Reasoned,
    ReasonOnly,
    answer_change,
    changing,
    one_of,
    sent,
)
from console.faces.rest.views import ApiView

View = TypeVar("View", bound=type[ApiView])


def with_acts(face: Face, view: View) -> View:
    """Add the operations of the face's acts to a view of single objects; return the view."""
    made = {one.act.name: (_operation(face, one), one.right) for one in face.acts}
    for one in face.list_page.bulk:
        if isinstance(one, Bulk):
            made[f"selected_{one.name}"] = (_on_many(face, one), one.right)
    for name, (operation, right) in made.items():
        setattr(view, name, operation)
        view.console_permissions = {**view.console_permissions, name: right}
        view.query_parameters = {**view.query_parameters, name: PARAMETERS}
    return view


class SelectionWrite(Reasoned):
    """Which objects: their IDs, or the filters of the list."""

    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**31 - 1),
        required=False,
        max_length=MOST_SELECTED,
        help_text="IDs of the objects.",
    )
    filter = serializers.DictField(
        required=False,
        help_text='Query parameters of the list, such as `{"broker": "1", "vhost": "/", "search": '
        '"tmp-"}`: every object that matches them now. Send either `ids` or `filter`.',
    )

    class Meta:
        ref_name = "Selection"


def _operation(face: Face, one: ObjectAct) -> Any:
    def act(self: Any, request: Request, pk: str) -> Response:
        row = self.get_object()
        body = sent(ReasonOnly, request, self.body(optional=True))
        return answer_change(
            request,
            f"{title_of(face, one, row)} on {row.broker.name}",
            lambda: [requested(face, one, row, request.user)],
            reason=body.get("reason", ""),
        )

    act.__name__, act.__doc__ = one.act.name, one.about
    # `action` replaces what `changing` would have noted, so it comes first.
    return changing(ReasonOnly)(
        action(methods=["post"], detail=True, url_path=one.act.name, pagination_class=None)(act)
    )


def _on_many(face: Face, one: Bulk) -> Any:
    def operate(self: Any, request: Request) -> Response:
        REQUIRE.ask(request.user, one.right)
        body = sent(SelectionWrite, request, self.body())
        made: list[Selected] = []

        def make() -> list[Any]:
            selected = one.make(_rows(face, self, body), request.user)
            made[:] = [selected]
            return [*selected.desired_objects, *selected.acts]

        return answer_change(
            request,
            f"{one.verb} {face.kind.plural}",
            make,
            reason=body.get("reason", ""),
            objections=lambda _: {ref: list(lines) for ref, lines in made[0].dies.items()},
            finish=lambda proposal: replace(
                proposal,
                title=f"{one.verb} "
                f"{counted(len(proposal.desired_objects) + len(proposal.acts), face.kind.noun)}",
                remarks=made[0].remarks,
            ),
        )

    operate.__name__ = f"selected_{one.name}"
    operate.__doc__ = (
        f"{one.verb} several {face.kind.plural} as one change. `dry_run` shows what would happen to "
        f"each. At most {MOST_SELECTED:,}."
    )
    return changing(SelectionWrite)(
        action(
            methods=["post"],
            detail=False,
            url_path=f"selected/{one.name}",
            url_name=f"selected-{one.name}",
            pagination_class=None,
            filterset_class=None,
        )(operate)
    )


def _rows(face: Face, view: Any, body: dict[str, Any]) -> list[Any]:
    """Return the mirror rows of the selection. Raises InvalidField, ValidationError."""
    rows = view.get_queryset()
    if one_of(body, "ids", "filter") == "ids":
        rows = rows.filter(pk__in=body["ids"])
    elif body.get("filter"):
        matches = type(view).filterset_class(
            {name: _text(name, value) for name, value in body["filter"].items()},
            rows,
            request=view.request,
        )
        unknown = set(body["filter"]) - set(matches.filters)
        if unknown:
            raise InvalidField("filter", f"There is no filter called {sorted(unknown)[0]!r}.")
        if not matches.is_valid():
            name, faults = next(iter(matches.errors.items()))
            raise ValidationError({f"filter.{name}": faults})
        rows = matches.qs
    else:
        raise InvalidField("ids", "Send the IDs of objects in `ids`, or filters in `filter`.")
    found = list(rows.order_by("broker", *face.kind.identity)[: MOST_SELECTED + 1])
    if not found:
        raise InvalidField("", f"No {face.kind.noun} matches.")
    if len(found) > MOST_SELECTED:
        raise InvalidField(
            "", f"More than {MOST_SELECTED:,} {face.kind.plural} match. Use narrower filters."
        )
    return found


def _text(name: str, value: Any) -> str:
    """Return the value as it would stand in a query. Raises InvalidField for one that wouldn't
    filter: an empty filter would match everything."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int) and (text := str(value)).strip():
        return text
    raise InvalidField("filter", f"The filter {name!r} has no value. Leave it out, or give it one.")
