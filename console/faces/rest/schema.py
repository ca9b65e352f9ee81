"""The OpenAPI document: what every operation has besides what its view declares."""

from __future__ import annotations

import inspect
import re
from typing import Any

from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers


class _Fault(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="A short error code for programs.")
    detail = serializers.CharField(help_text="One sentence that says what is wrong.")
    attr = serializers.CharField(
        allow_null=True,
        help_text="The field or parameter concerned; null if it's the whole request.",
    )

    class Meta:
        ref_name = "Fault"


class Problem(serializers.Serializer[Any]):
    """The body of every error response."""

    type = serializers.ChoiceField(choices=["validation_error", "client_error", "server_error"])
    errors = _Fault(many=True)  # type: ignore[assignment]
    request_id = serializers.CharField(
        allow_null=True, help_text="Identifies the request in the console's log."
    )


_UNREAD = {
    "400": "Bad request. The errors name the field or parameter.",
    "401": "No valid API token and no signed-in session.",
    "403": "Not allowed, or the CSRF token is missing.",
    "404": "Not found, or not visible to you.",
    "406": "Not acceptable. The API returns application/json.",
    "409": "Conflict with the current state.",
    "412": "The object has changed: If-Match names another generation.",
    "413": "The body is larger than 256 KB.",
    "414": "The address, with its query, is longer than 4,000 bytes.",
    "415": "Send application/json in UTF-8 without a Content-Encoding.",
    "429": "Too many requests. Wait for the time in Retry-After.",
    "500": "Internal error. The console's log has the details.",
    "503": "The console can't reach its database, or has more requests than it can serve. Wait for the time in Retry-After.",
}
_ALWAYS = ("400", "401", "403", "406", "414", "429", "500", "503")


class ApiSchema(AutoSchema):
    """`problems` on an action (see `also_answers`) lists its error statuses beyond the usual ones."""

    def _get_response_bodies(self, *args: Any, **kwargs: Any) -> Any:
        bodies = super()._get_response_bodies(*args, **kwargs)
        for status in sorted(self._problem_statuses()):
            answer = self._get_response_for_code(Problem, status)
            bodies.setdefault(status, {**answer, "description": _UNREAD[status]})
        for status, answer in bodies.items():
            answer["description"] = answer.get("description") or _DONE.get(status, "Done.")
        return bodies

    def get_summary(self) -> str:
        """Return the first sentence of the action's docstring, or a sentence from its name."""
        action = getattr(self.view, "action", None) or ""
        said = " ".join((inspect.getdoc(getattr(self.view, action, None)) or "").split())
        several = self.get_tags()[0].replace("-", " ")
        several, one = getattr(self.view, "nouns", ()) or (several, several.removesuffix("s"))
        usual = {"list": f"List {several}.", "retrieve": f"Get {with_article(one)}."}
        return (re.split("[.:] ", said)[0] or usual.get(action, "")).rstrip(".")

    def _problem_statuses(self) -> set[str]:
        statuses = set(_ALWAYS)
        if "{" in self.path or self._is_list_view():
            statuses.add("404")
        if self.method in ("POST", "PUT", "PATCH"):
            statuses |= {"413", "415"}
        action = getattr(self.view, getattr(self.view, "action", None) or "", None)
        return statuses | set(getattr(action, "problems", ()))


def with_article(noun: str) -> str:
    return f"{'an' if noun[0].lower() in 'aeio' else 'a'} {noun}"


def queries_as_read(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """A hook of the document that describes query parameters as `views._check_query` reads them:
    one without a value is refused, and a flag is a plain boolean, not an enum of two texts."""
    operations = (one for path in result["paths"].values() for one in path.values())
    for parameter in (one for operation in operations for one in operation.get("parameters", ())):
        schema = parameter["schema"]
        if parameter["in"] == "query" and schema.get("type") == "boolean":
            schema.pop("enum", None)
        if (
            parameter["in"] == "query"
            and schema.get("type") == "string"
            and not {"enum", "format"} & set(schema)
        ):
            schema["minLength"] = 1
    return result


_DONE = {"200": "OK.", "201": "Created.", "204": "Done. The response has no body."}


def also_answers(*statuses: str) -> Any:
    """Add error statuses to an action of a view that only this action returns."""

    def mark(action: Any) -> Any:
        action.problems = statuses
        return action

    return mark
