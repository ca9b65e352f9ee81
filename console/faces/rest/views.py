from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import unquote_to_bytes

from rest_framework.exceptions import (
    MethodNotAllowed,
    ParseError,
    UnsupportedMediaType,
    ValidationError,
)
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from console.faces.pages.links import on_console_url
from console.faces.rest.parsers import MAX_BODY, BodyTooLarge, shown_key

_MAX_QUERY = 8000  # bytes
_MAX_VALUE = 1000  # characters


class ApiView(GenericViewSet[Any]):
    """The base of every API view. It refuses everything that isn't declared.

    `console_permissions` maps each action to the permission it needs (accessctl.rest.rights);
    `query_parameters` lists the query parameters of an action besides filters, ordering and paging.
    """

    console_permissions: ClassVar[dict[str, Any]] = {}
    query_parameters: ClassVar[dict[str, frozenset[str]]] = {}
    ordering_fields: ClassVar[dict[str, Any]] = {}
    #: (plural, singular) in the summaries of list and retrieve; empty: the words of its address.
    nouns: ClassVar[tuple[str, ...]] = ()
    #: The most bytes of a body; larger ones are refused before they are read.
    most_body: ClassVar[int] = MAX_BODY
    lookup_value_regex = "[0-9]{1,18}"
    metadata_class = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # Before anything decodes the query or body as the headers declare.
        _check_headers(request, self.most_body)
        super().initial(request, *args, **kwargs)
        if self.action is None:
            # Before the query: a method that doesn't exist has no parameters.
            raise MethodNotAllowed(str(request.method))
        _check_query(request, self.known_parameters())

    def options(  # type: ignore[override]
        self, request: Request, *args: Any, **kwargs: Any
    ) -> Response:
        return Response(status=204, headers={"Allow": ", ".join(self.allowed_methods)})

    def reverse_action(self, url_name: str, *args: Any, **kwargs: Any) -> str:
        return on_console_url(super().reverse_action(url_name, *args, **kwargs))

    def known_parameters(self) -> frozenset[str]:
        known = self.query_parameters.get(self.action or "", frozenset())
        if self.action != "list":
            return known
        filters = getattr(getattr(self, "filterset_class", None), "base_filters", {})
        ordering = {"ordering"} if self.ordering_fields else set()
        paging = {"page", "page_size"} if self.pagination_class else set()
        return known | set(filters) | ordering | paging

    def body(self, *, optional: bool = False) -> dict[str, Any]:
        """Return the JSON object in the body. Raises ParseError if it is missing and not optional."""
        has_body = int(self.request.META.get("CONTENT_LENGTH") or 0) > 0
        if not has_body and not optional:
            raise ParseError("Send a JSON object, with a Content-Length.")
        return dict(self.request.data) if has_body else {}


def _check_headers(request: Request, most_body: int) -> None:
    meta = request.META
    if meta.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType("", detail="Send the body without a Content-Encoding.")
    charset = (request._request.content_params or {}).get("charset") or "utf-8"
    if charset.lower() not in ("utf-8", "utf8"):
        raise UnsupportedMediaType("", detail="Send the body as UTF-8.")
    length = meta.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdecimal()):
        raise ParseError("The Content-Length isn't a number.")
    if len(length) > 12 or int(length) > most_body:
        most = most_body // 1024
        size = f"{most} KB" if most < 1024 else f"{most // 1024} MB"
        raise BodyTooLarge(f"The body is larger than {size}.")


def _check_query(request: Request, known: frozenset[str]) -> None:
    raw = request.META.get("QUERY_STRING", "")
    if len(raw) > _MAX_QUERY:
        raise ParseError("The query string is too long.")
    try:
        unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise ParseError("The query string isn't valid UTF-8.") from None
    faults: dict[str, list[str]] = {}
    for name, values in request.query_params.lists():
        if name not in known:
            faults[shown_key(name)] = [_unknown(known)]
        elif len(values) > 1:
            faults[name] = ["This parameter appears more than once."]
        elif not values[0]:
            faults[name] = ["This parameter has no value. Set one, or leave the parameter out."]
        elif len(values[0]) > _MAX_VALUE or "\0" in values[0]:
            faults[name] = [
                f"The value can have at most {_MAX_VALUE} characters and no NUL characters."
            ]
    if faults:
        raise ValidationError(faults)


def _unknown(known: frozenset[str]) -> str:
    if not known:
        return "This endpoint takes no query parameters."
    return f"Unknown parameter. Valid parameters: {', '.join(sorted(known))}."
