"""Plans by the API: wishes of several kinds as one request, shown or applied."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.permissions.api_writes import PermissionNew, TopicPermissionNew
from accessctl.permissions.rules import (
    Patterns,
    clear_permissions,
    clear_topic_permission,
    set_permissions,
    set_topic_permission,
)
from accessctl.reach import reach_of
from accessctl.rights import Permission
from accessctl.users.api_writes import UserNew, password_of
from accessctl.users.rules import create_user, delete_user, edit_user, user_standing
from console.engine.accept import Wish
from console.errors import InvalidField
from console.faces.pages.words import counted
from console.faces.rest.changing import PARAMETERS, Reasoned, answer_change, changing, sent
from console.faces.rest.fields import Flag, StrictSerializer, Text
from console.faces.rest.views import ApiView
from console.kinds.common.kind import Ref
from console.kinds.registry import phrase
from vhosts.virtual_hosts.api_writes import VhostNew
from vhosts.virtual_hosts.rules import create_vhost, delete_vhost, edit_vhost, vhost_standing

MOST_WISHES = 2000
_Fields = dict[str, Any]
_BODIES: Mapping[str, type[StrictSerializer]] = {
    "vhost": VhostNew,
    "user": UserNew,
    "permission": PermissionNew,
    "topic_permission": TopicPermissionNew,
}
_KEYS = {
    "vhost": ("broker", "name"),
    "user": ("broker", "name"),
    "permission": ("broker", "vhost", "user"),
    "topic_permission": ("broker", "vhost", "user", "exchange"),
}


@extend_schema_field(OpenApiTypes.OBJECT)
class _WishField(serializers.JSONField):
    pass


class PlanWrite(Reasoned):
    """Each entry of `wishes` is `{"kind": "vhost", …}` with the fields of a POST to that kind. To delete an object, send `"absent": true` and its key."""

    title = Text(required=False, max_length=300)
    wishes = serializers.ListField(child=_WishField(), min_length=1, max_length=MOST_WISHES)
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
        asked = [_read(request, number, raw) for number, raw in enumerate(body["wishes"])]
        making = {
            (fields["broker"].pk, Ref(kind, (fields["name"],)))
            for kind, fields, absent in asked
            if kind in ("vhost", "user") and not absent
        }
        count = counted(len(asked), "object")

        def make() -> list[Wish]:
            wishes: list[Wish] = []
            for number, (kind, fields, absent) in enumerate(asked):
                try:
                    wishes += _MAKERS[kind](dict(fields), absent, request.user, making)
                except InvalidField as error:
                    raise InvalidField(f"wishes.{number}.{error.field}", error.message) from None
            seen = set()
            for number, wish in enumerate(wishes):
                if (wish.broker.pk, wish.ref) in seen:
                    raise InvalidField(
                        f"wishes.{number}", f"The {phrase(wish.ref)} appears twice. Send it once."
                    )
                seen.add((wish.broker.pk, wish.ref))
            return wishes

        return answer_change(
            request,
            body.get("title") or f"Apply a plan of {count}",
            make,
            reason=body.get("reason", ""),
            dry_run=not body["apply"],
        )


def _read(request: Request, number: int, raw: Any) -> tuple[str, _Fields, bool]:
    """(kind, checked fields, whether it should not be). Raises ValidationError."""
    if not isinstance(raw, dict):
        raise InvalidField(f"wishes.{number}", "Each entry must be an object.")
    given = dict(raw)
    kind, absent = given.pop("kind", None), given.pop("absent", False)
    if not isinstance(kind, str) or kind not in _BODIES:
        raise InvalidField(f"wishes.{number}.kind", f"kind must be one of {', '.join(_BODIES)}.")
    if not isinstance(absent, bool):
        raise InvalidField(f"wishes.{number}.absent", "absent must be true or false.")
    if absent and (more := sorted(set(given) - set(_KEYS[kind]))):
        raise InvalidField(
            f"wishes.{number}.{more[0][:60]}", "To delete an object, send only its key."
        )
    try:
        fields = sent(_BODIES[kind], request, given, partial=True)
    except serializers.ValidationError as error:
        raise serializers.ValidationError({"wishes": {str(number): error.detail}}) from None
    for name in _KEYS[kind]:
        if name not in fields:
            raise InvalidField(f"wishes.{number}.{name}", "This field is required.")
    if fields.pop("reason", None):
        raise InvalidField(
            f"wishes.{number}.reason", "Set the reason for the whole plan, not for an entry."
        )
    return kind, fields, absent


def _vhost(fields: _Fields, absent: bool, user: Any, making: Any) -> list[Wish]:
    broker, name = fields.pop("broker"), fields.pop("name")
    if absent:
        return [delete_vhost(broker=broker, name=name, acting_user=user)]
    # Which right is lacking would tell of what the person may not see.
    seen = reach_of(user).of_the_person.has(Permission.VHOSTS_VIEW, broker, name)
    there = seen and vhost_standing(broker, name).wanted is not None
    make = edit_vhost if there else create_vhost
    return [make(broker=broker, name=name, fields=fields, acting_user=user)]


def _user(fields: _Fields, absent: bool, user: Any, making: Any) -> list[Wish]:
    broker, name = fields.pop("broker"), fields.pop("name")
    if absent:
        return [delete_user(broker=broker, name=name, acting_user=user)]
    if fields.get("generate_password"):
        raise InvalidField("generate_password", "Generate passwords for one user at a time.")
    password, _ = password_of(fields)
    if user_standing(broker, name, viewer=user).wanted is not None:
        return [
            edit_user(broker=broker, name=name, fields=fields, password=password, acting_user=user)
        ]
    if password is None:
        raise InvalidField(
            "password", "The user doesn't exist yet. Send password, password_hash or no_password."
        )
    return [
        create_user(broker=broker, name=name, fields=fields, password=password, acting_user=user)
    ]


def _permission(fields: _Fields, absent: bool, user: Any, making: Any) -> list[Wish]:
    where: dict[str, Any] = {
        "broker": fields["broker"],
        "vhosts": [fields["vhost"]],
        "users": [fields["user"]],
        "acting_user": user,
    }
    if absent:
        return clear_permissions(**where)
    patterns = Patterns(*_patterns(fields, "configure", "write", "read"))
    return set_permissions(**where, patterns=patterns, making=_made(making, fields))


def _topic_permission(fields: _Fields, absent: bool, user: Any, making: Any) -> list[Wish]:
    if absent:
        return [clear_topic_permission(**fields, acting_user=user)]
    _patterns(fields, "write", "read")
    return [set_topic_permission(**fields, acting_user=user, making=_made(making, fields))]


def _patterns(fields: _Fields, *names: str) -> list[str]:
    missing = [name for name in names if name not in fields]
    if missing:
        raise InvalidField(
            missing[0], f"Send {', '.join(names)} together; missing: {', '.join(missing)}."
        )
    return [fields[name] for name in names]


def _made(making: set[tuple[int, Ref]], fields: _Fields) -> set[Ref]:
    return {ref for broker, ref in making if broker == fields["broker"].pk}


_MAKERS: Mapping[str, Callable[[_Fields, bool, Any, Any], list[Wish]]] = {
    "vhost": _vhost,
    "user": _user,
    "permission": _permission,
    "topic_permission": _topic_permission,
}
