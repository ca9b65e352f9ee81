"""Acts on one object in the API: POST /api/v1/<collection>/<id>/<act>/."""

from __future__ import annotations

from typing import Any, TypeVar

from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from console.faces.face import Face
from console.faces.operations.declare import ObjectAct
from console.faces.operations.requests import requested, title_of
from console.faces.rest.drawn.changing import PARAMETERS, ReasonOnly, answer_change, changing, sent
from console.faces.rest.views import ApiView

View = TypeVar("View", bound=type[ApiView])


def with_acts(face: Face, view: View) -> View:
    """Add the operations of the face's acts to a view of single objects; return the view."""
    for one in face.acts:
        name = one.act.name
        setattr(view, name, _operation(face, one))
        view.console_permissions = {**view.console_permissions, name: one.right}
        view.query_parameters = {**view.query_parameters, name: PARAMETERS}
    return view


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
    return action(methods=["post"], detail=True, url_path=one.act.name, pagination_class=None)(
        changing(ReasonOnly)(act)
    )
