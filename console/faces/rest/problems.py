"""All errors under /api in one JSON shape, whatever raised them.

    {"type": "validation_error", "request_id": "…",
     "errors": [{"code": "invalid", "detail": "One sentence.", "attr": "name"}]}

`attr` names the field or query parameter; None if the error is about the whole request.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.types import ErrorResponse
from rest_framework import exceptions
from structlog.contextvars import get_contextvars

from console.errors import ConsoleError, InvalidField
from console.faces.rest.parsers import BodyTooLarge
from console.rabbitmq.errors import BrokerError


class Refused(exceptions.APIException):
    """A ConsoleError as an API error."""

    def __init__(self, error: ConsoleError) -> None:
        super().__init__(error.message, error.code)
        self.status_code = error.http_status
        self.generation: int | None = error.data.get("generation")
        self.retry_after: int | None = error.data.get("retry_after")


class DatabaseAway(exceptions.APIException):
    status_code = 503
    default_code = "database_unavailable"
    default_detail = "The console can't reach its database. Try again shortly."
    wait = 5


class ProblemHandler(ExceptionHandler):
    def convert_known_exceptions(self, exc: Exception) -> Exception:
        match exc:
            case InvalidField():
                return exceptions.ValidationError({exc.field: [exc.message]}, exc.code)
            case ConsoleError():
                return Refused(exc)
            case BrokerError():
                # An error of the broker is no error of the console, so it is no 5xx.
                return Refused(_as_refusal(exc))
            case Http404():
                return exceptions.NotFound("Not found, or you aren't allowed to see it.")
            case RequestDataTooBig():
                return BodyTooLarge()
            case UnreadablePostError() | SuspiciousOperation() | BadRequest():
                return exceptions.ParseError("The request can't be read.")
            case OperationalError() | InterfaceError():
                return DatabaseAway()
        return super().convert_known_exceptions(exc)

    def get_headers(self, exc: exceptions.APIException) -> dict[str, str]:
        headers: dict[str, str] = super().get_headers(exc)
        if isinstance(exc, Refused) and exc.generation is not None:
            # The ETag that If-Match should have had.
            headers["ETag"] = f'"{exc.generation}"'
        if isinstance(exc, Refused) and exc.retry_after is not None:
            headers["Retry-After"] = str(exc.retry_after)
        return headers

    def convert_unhandled_exceptions(self, exc: Exception) -> exceptions.APIException:
        if isinstance(exc, exceptions.APIException):
            return exc
        return exceptions.APIException(
            "The console failed. Its log has the details under this request_id."
        )


class ProblemFormatter(ExceptionFormatter):
    def format_error_response(self, error_response: ErrorResponse) -> dict[str, Any]:
        body: dict[str, Any] = super().format_error_response(error_response)
        for fault in body["errors"]:
            # A form's error may have no code.
            fault["code"] = fault["code"] or "invalid"
        return {**body, "request_id": _request_id()}


def problem(request: HttpRequest, status: int, detail: str = "") -> HttpResponse:
    """Return the JSON error for a failure outside any API view."""
    detail = detail or {
        400: "The request can't be read.",
        403: "You aren't allowed to do this.",
        404: "This address doesn't exist.",
        503: "The console isn't available. Try again shortly.",
    }.get(status, HTTPStatus(status).phrase + ".")
    body = {
        "type": "client_error" if status < 500 else "server_error",
        "errors": [
            {
                "code": HTTPStatus(status).phrase.lower().replace(" ", "_"),
                "detail": detail,
                "attr": None,
            }
        ],
        "request_id": _request_id(),
    }
    return HttpResponse(json.dumps(body), status=status, content_type="application/json")


def _as_refusal(error: BrokerError) -> ConsoleError:
    refusal = ConsoleError(error.detail or error.summary)
    refusal.code, refusal.http_status = error.code, 409  # type: ignore[misc]
    return refusal


def _request_id() -> str | None:
    return get_contextvars().get("request_id")
