"""RabbitMQ users in the API: bodies, passwords and operations. Passwords are write-only, except a
generated one, which is returned once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, cast

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.passwords.policy import NOT_JUDGED
from accessctl.rest.fields import ConnectionsRead, UserRead
from accessctl.rights import Permission
from accessctl.users.connections import read_connections
from accessctl.users.password import Password
from accessctl.users.rules import create_user, delete_user, edit_user, user_state
from accessctl.users.selectors import access_broker_user
from console.engine.proposal import DesiredObject
from console.errors import InvalidField
from console.faces.rest.drawn.changing import BrokerField, Reasoned, one_of
from console.faces.rest.fields import Flag, Number, Text
from console.faces.rest.pagination import PageNumbers
from console.faces.writes import Api, by_key
from console.kinds.common.kind import Ref
from console.kinds.user import USER
from console.rabbitmq.endpoint import Secret
from console.rabbitmq.passwords import SHA256, generate_password

_WAYS = ("password", "password_hash", "no_password", "generate_password")


class UserChange(Reasoned):
    tags = serializers.ListField(child=Text(max_length=255), required=False, max_length=32)
    limits = serializers.DictField(
        child=Number(allow_null=True), required=False,
        help_text="`max-connections`, `max-channels`. A limit you leave out is removed.",
    )  # fmt: skip
    password = Text(
        required=False, allow_blank=True, max_length=1024, write_only=True,
        help_text=f"Hashed by the console. {NOT_JUDGED} The console's own settings judge it.",
    )  # fmt: skip
    password_hash = Text(
        required=False, max_length=200, write_only=True,
        help_text="base64 of 4 bytes of salt and the digest. Its password can't be judged by anybody.",
    )  # fmt: skip
    hashing_algorithm = Text(required=False, max_length=60, write_only=True)
    no_password = Flag(
        required=False, write_only=True, help_text="Allow sign-in only with a certificate."
    )
    generate_password = Flag(
        required=False, write_only=True, help_text="Generate a strong password and return it once."
    )

    class Meta:
        ref_name = "UserChange"


class UserNew(UserChange):
    broker = BrokerField(help_text="A broker's ID or name.")
    name = Text(max_length=255)

    class Meta:
        ref_name = "UserNew"


def password_of(fields: dict[str, Any]) -> tuple[Password | None, str]:
    """Remove the password from `fields`. Return it, and the clear text if it was generated here,
    else "". None: the body doesn't set a password. Raises InvalidField."""
    given = {name: fields.pop(name, None) for name in _WAYS}
    algorithm = fields.pop("hashing_algorithm", None)
    by = algorithm or SHA256
    match one_of(given, *_WAYS):
        case "password":
            return Password(clear=Secret(given["password"]), algorithm=by), ""
        case "password_hash":
            return Password(hashed=given["password_hash"], algorithm=by), ""
        case "no_password":
            return Password(none=True), ""
        case "generate_password":
            clear = generate_password()
            return Password(clear=clear, algorithm=by), clear.reveal()
        case _:
            if algorithm is not None:
                raise InvalidField(
                    "hashing_algorithm",
                    "Send hashing_algorithm only together with a password or hash.",
                )
            return None, ""


def _take(fields: dict[str, Any], *, new: bool) -> str:
    password, clear = password_of(fields)
    if new and password is None:
        raise InvalidField("password", f"Send one of {', '.join(_WAYS)}.")
    fields["password"] = password
    return clear


def _create(*, fields: Mapping[str, Any], **where: Any) -> DesiredObject:
    return create_user(**where, **_apart(fields))


def _edit(*, fields: Mapping[str, Any], **where: Any) -> DesiredObject:
    return edit_user(**where, **_apart(fields))


def _apart(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Separate the password from the other fields."""
    others = {name: value for name, value in fields.items() if name != "password"}
    return {"fields": others, "password": fields["password"]}


def plan_user(
    fields: dict[str, Any], absent: bool, user: Any, making: Collection[Ref]
) -> list[DesiredObject]:
    """Return the desired objects for a user in a plan of several objects; see
    console.faces.face.Planned. Raises NotAllowed, InvalidField."""
    broker, name = fields.pop("broker"), fields.pop("name")
    if absent:
        return [delete_user(broker=broker, name=name, acting_user=user)]
    if fields.get("generate_password"):
        raise InvalidField("generate_password", "Passwords are generated for one user at a time.")
    password, _ = password_of(fields)
    if user_state(broker, name, viewer=user).wanted is not None:
        return [
            edit_user(broker=broker, name=name, fields=fields, password=password, acting_user=user)
        ]
    if password is None:
        raise InvalidField(
            "password", "The user is not there yet: give a password, a hash or no_password."
        )
    return [
        create_user(broker=broker, name=name, fields=fields, password=password, acting_user=user)
    ]


_PAGING = [
    OpenApiParameter("page", OpenApiTypes.INT, description="The page number, from 1."),
    OpenApiParameter(
        "page_size", OpenApiTypes.INT, description="The number of results per page, 1 to 1000."
    ),
]


class _Connections:
    """A user's open connections."""

    more_permissions: ClassVar = {"connections": Permission.CONNECTIONS_VIEW}
    more_parameters: ClassVar = {"connections": frozenset({"page", "page_size"})}

    @extend_schema(responses=ConnectionsRead, filters=False, parameters=_PAGING)
    @action(
        methods=["get"],
        detail=True,
        url_path="connections",
        pagination_class=None,
        filter_backends=(),
    )
    def connections(self, request: Request, pk: str) -> Response:
        """List a user's open connections. Reads them from the broker now; if the broker fails, the response says so."""
        user = access_broker_user(request.user, int(pk), Permission.USERS_VIEW)
        reading = read_connections(user, viewer=request.user, now=timezone.now())
        pages = PageNumbers()
        rows = pages.paginate_queryset(
            cast(Any, reading.items or []), request, view=cast(Any, self)
        )
        told = reading.items is not None
        answer = {
            "read_at": reading.at if told else None,
            "trouble": reading.trouble
            and {"code": reading.trouble.code, "detail": reading.trouble.sentence},
            "complete": told and reading.complete and not reading.rejected,
            "in_part": reading.in_part,
            "count": len(reading.items) if reading.items is not None else None,
            "next": pages.get_next_link(),
            "previous": pages.get_previous_link(),
            "results": rows,
        }
        return Response(ConnectionsRead(answer).data)


USERS_API = Api(
    create=by_key(USER, _create),
    edit=by_key(USER, _edit),
    delete=by_key(USER, delete_user),
    change=UserChange,
    new=UserNew,
    read=UserRead,
    take=_take,
    said={
        "": "RabbitMQ users on all brokers.",
        "create": "Create a RabbitMQ user (`rabbitmqctl add_user`).",
        "partial_update": "Edit a RabbitMQ user. Tags, limits and password keep their values if you leave them out.",
        "destroy": "Delete a RabbitMQ user and all its permissions. RabbitMQ closes its open connections.",
    },
    nouns=("RabbitMQ users", "RabbitMQ user"),
    more=_Connections,
)
