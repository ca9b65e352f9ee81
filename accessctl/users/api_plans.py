"""RabbitMQ users in a plan of several objects (POST /api/v1/plans/)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from accessctl.users.api import password_of
from accessctl.users.rules import create_user, delete_user, edit_user, user_standing
from console.engine.proposal import Wish
from console.errors import InvalidField
from console.kinds.common.kind import Ref


def plan_user(
    fields: dict[str, Any], absent: bool, user: Any, making: Collection[Ref]
) -> list[Wish]:
    """See console.faces.face.Planned. Raises NotAllowed, InvalidField."""
    broker, name = fields.pop("broker"), fields.pop("name")
    if absent:
        return [delete_user(broker=broker, name=name, acting_user=user)]
    if fields.get("generate_password"):
        raise InvalidField("generate_password", "Passwords are generated for one user at a time.")
    password, _ = password_of(fields)
    if user_standing(broker, name, viewer=user).wanted is not None:
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
