"""RabbitMQ users created, changed and deleted by the API. Passwords go in and never come out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.passwords.policy import NOT_JUDGED
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
                raise InvalidField(
                    "hashing_algorithm",
                    "Send hashing_algorithm only together with a password or hash.",
                )
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
        """Create a RabbitMQ user (`rabbitmqctl add_user`)."""
        fields = sent(UserNew, request, self.body())  # type: ignore[attr-defined]
        broker, name, reason = fields.pop("broker"), fields.pop("name"), fields.pop("reason", "")
        password, clear = password_of(fields)
        if password is None:
            raise InvalidField("password", f"Send one of {', '.join(_WAYS)}.")
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
        """Edit a RabbitMQ user. Tags, limits and password keep their values if you leave them out."""
        row, generation = self.get_object(), expected_generation(request)  # type: ignore[attr-defined]
        fields = sent(UserChange, request, self.body())  # type: ignore[attr-defined]
        reason = fields.pop("reason", "")
        password, clear = password_of(fields)
        return answer_change(
            request,
            f"Edit the user {row.name} on {row.broker.name}",
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
        """Delete a RabbitMQ user and all its permissions. RabbitMQ closes its open connections."""
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
