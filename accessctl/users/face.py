"""How RabbitMQ users are listed, mirrored, compared and changed. They have their own page."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from accessctl.models import BrokerUser
from accessctl.rights import Permission
from accessctl.users.access.origins import note_origins
from accessctl.users.access.ownership import (
    is_creating,
    known_users,
    protected_from,
    sees_all_users,
    why_not_edit_user,
)
from accessctl.users.api import USERS_API, UserNew, plan_user
from accessctl.users.forms import USER_FORM
from accessctl.users.lists import USERS as LISTED
from accessctl.users.lists import USERS_PAGE
from accessctl.users.rules import check_user_fields, user_objections
from console.faces.face import Face, Intent, NextStep, Planned, Rights, Rules
from console.faces.mirror import Mirror, Reading
from console.kinds.common.kind import Key, Spec
from console.kinds.user import USER
from console.models import Broker
from console.rabbitmq.cluster import ClusterView
from console.rabbitmq.management.readings import tags
from console.rabbitmq.passwords import is_default_password
from console.rabbitmq.types import UserInfo
from console.reconcile.disclose import beside_secrets


def _columns(key: Key, spec: Spec) -> tuple[Any, ...]:
    hashed, algorithm = spec.get("password_hash"), spec.get("hashing_algorithm", "")
    return (
        list(tags(spec.get("tags"))),
        None if hashed is None else bool(hashed),
        is_default_password(key[0], hashed, algorithm),
        algorithm,
        dict(spec.get("limits", {})),
    )


def _listed(user: UserInfo, view: ClusterView) -> tuple[Any, ...]:
    return (
        user.name,
        list(user.tags),
        user.has_password,
        user.has_default_password,
        user.hashing_algorithm or "",
        dict(user.limits),
    )


def _spec(row: BrokerUser) -> dict[str, Any]:
    """Return the observed spec, without the password's hash, which isn't stored."""
    return {"tags": list(row.tags), "limits": dict(row.limits)}


def _check_changed(broker: Broker, key: Key, fields: Mapping[str, Any]) -> object:
    secret = beside_secrets(USER.name)
    return check_user_fields({k: v for k, v in fields.items() if k not in secret})


def _needs(intent: Intent) -> Sequence[Permission]:
    if intent.after is None and not intent.by_file:
        return [Permission.USERS_EDIT]
    limits = [Permission.VHOSTS_LIMIT] if "limits" in intent.changed else []
    # An imported hash sets a password. That needs the right to set tags, whose holder could take
    # over the user anyway.
    tagging = [Permission.USERS_TAG] if intent.by_file or "tags" in intent.changed else []
    return [*tagging, Permission.USERS_EDIT, *limits]


def _why_not(
    user: Any, right: Permission, broker: Broker, key: Key, *, again: bool = False
) -> str | None:
    if right != Permission.USERS_EDIT:
        return None
    found = why_not_edit_user(user, broker, key[0])
    # An earlier attempt may have created the user, and an inventory saw it before its origin was
    # recorded. Its owner is then decided from the broker's reply (accessctl.users.access.judging).
    return "" if found and again and is_creating(user, broker, key[0]) else found


def _known(user: Any, broker: Broker, keys: Collection[Key]) -> Collection[Key]:
    if sees_all_users(user, broker):
        return keys
    known = known_users(user, broker, {key[0] for key in keys})
    return [key for key in keys if key[0] in known]


USERS = Face(
    kind=USER,
    model=BrokerUser,
    rights=Rights(
        view=Permission.USERS_VIEW,
        create=Permission.USERS_EDIT,
        edit=Permission.USERS_EDIT,
        delete=Permission.USERS_EDIT,
    ),
    slug="users",
    listing=LISTED,
    list_page=USERS_PAGE,
    about="RabbitMQ users, from the last inventory of each broker.",
    rules=Rules(
        check_changed=_check_changed,
        of_file=protected_from,
        dies=lambda broker, key, spec: user_objections(broker, key[0]),
    ),
    mirror=Mirror(
        columns=("tags", "has_password", "has_default_password", "hashing_algorithm", "limits"),
        of_spec=_columns,
        to_spec=_spec,
        reading=Reading(items=lambda client: client.users(), row=_listed),
        note=note_origins,
    ),
    form=USER_FORM,
    needs=_needs,
    why_not=_why_not,
    known=_known,
    api=USERS_API,
    planned=Planned(body=UserNew, make=plan_user),
    page="user",
    then=[
        NextStep(
            label="Set permissions",
            route="permission_edit",
            right=Permission.PERMISSIONS_EDIT,
            parameters={"user": "name"},
        )
    ],
)
