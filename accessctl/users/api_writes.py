"""RabbitMQ users created, changed and deleted by the API. Passwords go in and never come out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.rights import Permission
from accessctl.users.rules import Password, create_user, delete_user, edit_user, user_objections
from console.errors import InvalidField
from console.faces.rest.changing import (
    PARAMETERS,
    BrokerField,
    Reasoned,
    ReasonOnly,
    answer_change,
    changing,
    expected_generation,
    one_of,
    sent,
)
from console.faces.rest.fields import Flag, Number, Text
from console.kinds.common.kind import Ref
from console.rabbitmq.endpoint import Secret
from console.rabbitmq.passwords import SHA256, generate_password

_WAYS = ("password", "password_hash", "no_password", "generate_password")


class UserChange(Reasoned):
    tags = serializers.ListField(child=Text(max_length=255), required=False, max_length=32)
    limits = serializers.DictField(
        child=Number(allow_null=True), required=False,
        help_text="`max-connections`, `max-channels`; what is left out has no limit.",
    )  # fmt: skip
    password = Text(required=False, allow_blank=True, max_length=1024, write_only=True)
    password_hash = Text(
        required=False, max_length=200, write_only=True, help_text="Made elsewhere: base64 of salt and digest."
    )  # fmt: skip
    hashing_algorithm = Text(required=False, max_length=60, write_only=True)
    no_password = Flag(required=False, write_only=True, help_text="Log-in by certificate only.")
    generate_password = Flag(
        required=False, write_only=True, help_text="A strong one is made and told this once."
    )

    class Meta:
        ref_name = "UserChange"


class UserNew(UserChange):
    broker = BrokerField(help_text="A broker's id or name.")
    name = Text(max_length=255)

    class Meta:
        ref_name = "UserNew"


def password_of(fields: dict[str, Any]) -> tuple[Password | None, str]:
    """What is asked for, taken out of `fields`, and the clear text where it was generated here. None
    where nothing is said of the password. Raises InvalidField."""
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
                raise InvalidField("hashing_algorithm", "Give it together with a password.")
            return None, ""


class UserWrites:
    """The writing operations of UsersView."""

    write_permissions = {
        "create": Permission.USERS_EDIT,
        "partial_update": Permission.USERS_EDIT,
        "destroy": Permission.USERS_EDIT,
    }
    write_parameters = dict.fromkeys(write_permissions, PARAMETERS)

    @changing(UserNew)
    def create(self, request: Request) -> Response:
        """Create a RabbitMQ user, as `rabbitmqctl add_user` does."""
        fields = sent(UserNew, request, self.body())  # type: ignore[attr-defined]
        broker, name, reason = fields.pop("broker"), fields.pop("name"), fields.pop("reason", "")
        password, clear = password_of(fields)
        if password is None:
            raise InvalidField("password", f"Give one of {', '.join(_WAYS)}.")
        return answer_change(
            request,
            f"Create the user {name} on {broker.name}",
            lambda: [
                create_user(
                    broker=broker,
                    name=name,
                    password=password,
                    fields=fields,
                    acting_user=request.user,
                )
            ],
            reason=reason,
            password=clear,
        )

    @changing(UserChange, if_match=True)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a RabbitMQ user. Tags, limits and password each stay as they are when left out."""
        row, generation = self.get_object(), expected_generation(request)  # type: ignore[attr-defined]
        fields = sent(UserChange, request, self.body())  # type: ignore[attr-defined]
        reason = fields.pop("reason", "")
        password, clear = password_of(fields)
        return answer_change(
            request,
            f"Change the user {row.name} on {row.broker.name}",
            lambda: [
                edit_user(
                    broker=row.broker,
                    name=row.name,
                    fields=fields,
                    password=password,
                    acting_user=request.user,
                    expected_generation=generation,
                )
            ],
            reason=reason,
            password=clear,
        )

    @changing(ReasonOnly, if_match=True)
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a RabbitMQ user with all its permissions. Open connections stay open."""
        row, generation = self.get_object(), expected_generation(request)  # type: ignore[attr-defined]
        body: dict[str, Any] = self.body(optional=True)  # type: ignore[attr-defined]
        ref = Ref("user", (row.name,))
        return answer_change(
            request,
            f"Delete the user {row.name} on {row.broker.name}",
            lambda: [
                delete_user(
                    broker=row.broker,
                    name=row.name,
                    acting_user=request.user,
                    expected_generation=generation,
                )
            ],
            reason=sent(ReasonOnly, request, body).get("reason", ""),
            objections=lambda: {ref: user_objections(row.broker, row.name)},
        )
