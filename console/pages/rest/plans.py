"""Plans in the API: desired objects of several kinds in one request, shown or applied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.rights import Permission
from console.engine.proposal import DesiredObject
from console.errors import InvalidField
from console.faces.face import FACES, Planned
from console.faces.pages.words import counted
from console.faces.rest.drawn.changing import PARAMETERS, Reasoned, answer_change, changing, sent
from console.faces.rest.drawn.objects import planned_of
from console.faces.rest.fields import Flag, Text
from console.faces.rest.views import ApiView
from console.kinds.common.kind import Ref
from console.kinds.registry import KINDS, OWNERS, phrase

MOST_WISHES = 2000
_Fields = dict[str, Any]


@extend_schema_field(OpenApiTypes.OBJECT)
class _DesiredField(serializers.JSONField):
    pass


class PlanWrite(Reasoned):
    """Each entry of `wishes` is `{"kind": "vhost", …}` with the fields of a POST to that kind. To delete an object, send `"absent": true` and its key."""

    title = Text(required=False, max_length=300)
    wishes = serializers.ListField(child=_DesiredField(), min_length=1, max_length=MOST_WISHES)
    apply = Flag(default=False, help_text="`false`: return only the plan.")

    class Meta:
        ref_name = "PlanRequest"


class PlansView(ApiView):
    """Changes to objects of several kinds in one request."""

    pagination_class = None
    filter_backends = ()
    console_permissions = {"create": Permission.CHANGES_VIEW}
    query_parameters = {"create": PARAMETERS}

    @changing(PlanWrite)
    def create(self, request: Request) -> Response:
        """Plan changes to several objects, and apply them with `apply`. Existing objects are changed, missing ones created."""
        body = sent(PlanWrite, request, self.body())
        known = _plannable()
        asked = [_read(request, known, number, raw) for number, raw in enumerate(body["wishes"])]
        making: dict[int, set[Ref]] = {}
        for kind, fields, absent in asked:
            if kind in OWNERS and not absent:
                key = tuple(fields[name] for name in KINDS[kind].identity)
                making.setdefault(fields["broker"].pk, set()).add(Ref(kind, key))
        count = counted(len(asked), "object")

        def make() -> list[DesiredObject]:
            desired_objects: list[DesiredObject] = []
            for number, (kind, fields, absent) in enumerate(asked):
                try:
                    made = making.get(fields["broker"].pk, set())
                    desired_objects += known[kind].make(dict(fields), absent, request.user, made)
                except InvalidField as error:
                    raise InvalidField(f"wishes.{number}.{error.field}", error.message) from None
            seen = set()
            for number, desired in enumerate(desired_objects):
                if (desired.broker.pk, desired.ref) in seen:
                    raise InvalidField(
                        f"wishes.{number}",
                        f"The {phrase(desired.ref)} appears twice. Send it once.",
                    )
                seen.add((desired.broker.pk, desired.ref))
            return desired_objects

        return answer_change(
            request,
            body.get("title") or f"Apply a plan of {count}",
            make,
            reason=body.get("reason", ""),
            dry_run=not body["apply"],
        )


def _read(
    request: Request, known: Mapping[str, Planned], number: int, raw: Any
) -> tuple[str, _Fields, bool]:
    """Return (kind, checked fields, whether the object should be absent). Raises ValidationError."""
    if not isinstance(raw, dict):
        raise InvalidField(f"wishes.{number}", "Each entry must be an object.")
    given = dict(raw)
    kind, absent = given.pop("kind", None), given.pop("absent", False)
    if not isinstance(kind, str) or kind not in known:
        raise InvalidField(f"wishes.{number}.kind", f"kind must be one of {', '.join(known)}.")
    if not isinstance(absent, bool):
        raise InvalidField(f"wishes.{number}.absent", "absent must be true or false.")
    names = ("broker", *KINDS[kind].identity)
    if absent and (more := sorted(set(given) - set(names))):
        raise InvalidField(
            f"wishes.{number}.{more[0][:60]}", "To delete an object, send only its key."
        )
    try:
        fields = sent(known[kind].body, request, given, partial=True)
    except serializers.ValidationError as error:
        raise serializers.ValidationError({"wishes": {str(number): error.detail}}) from None
    declared = known[kind].body().fields
    for name in names:
        if name not in fields and declared[name].default is empty:
            raise InvalidField(f"wishes.{number}.{name}", "This field is required.")
        fields.setdefault(name, declared[name].default)
    for name in ("reason", "break_glass"):
        if fields.pop(name, None):
            raise InvalidField(
                f"wishes.{number}.{name}", f"Set the {name} for the whole plan, not for an entry."
            )
    return kind, fields, absent


def _plannable() -> dict[str, Planned]:
    """Return every kind that can be planned here."""
    return {
        face.name: face.planned or planned_of(face)
        for face in FACES.values()
        if face.planned or face.has_api
    }
