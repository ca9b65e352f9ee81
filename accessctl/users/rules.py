"""RabbitMQ users: desired objects to create, edit and delete them.

Every function authorizes, checks, and returns a DesiredObject; the caller shows its plan or accepts
it. Clear passwords are hashed here and not passed on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from accessctl.authorize import AnyUser, may, may_somewhere
from accessctl.models import BrokerPermission, BrokerTopicPermission, BrokerUser
from accessctl.rights import Permission
from accessctl.users.access.ownership import (
    NOT_OF_THIS_BROKER,
    is_taken,
    knows_user,
    note_on,
    refuse_protected,
    sees_all_users,
    why_not_edit_user,
)
from accessctl.users.password import Password
from console.engine.applying.own_login import lock_out
from console.engine.proposal import DesiredObject
from console.engine.proposals.current_state import CurrentState, current_states
from console.errors import InvalidField, NotAllowed
from console.faces.seen import seen_of
from console.kinds.common.kind import Ref, SpecError
from console.kinds.common.names import check_name
from console.kinds.user import USER
from console.models import Broker

#: RabbitMQ 4.2.9 and 4.3 introduced this limit. It is used for all versions, because nobody needs
#: more.
MOST_TAGS = 32
LIMITS = ("max-connections", "max-channels")
MOST_LIMIT = 2**31 - 1


def create_user(
    *,
    broker: Broker,
    name: str,
    password: Password,
    fields: Mapping[str, Any],
    acting_user: AnyUser,
) -> DesiredObject:
    """Return the desired object for a new user. `fields`: tags, limits. Raises NotAllowed,
    InvalidField, AlreadyThere."""
    _check_name(name)
    spec = {"tags": [], "limits": {}, **check_user_fields(fields)}
    current = user_state(broker, name, viewer=acting_user)
    taken = current.wanted is None and is_taken(acting_user, broker, name)
    if current.wanted is not None and (reason := why_not_edit_user(acting_user, broker, name)):
        raise NotAllowed(reason, {"permission": str(Permission.USERS_EDIT)})
    permission = _right_to(acting_user, broker, [{"tags": [], "limits": {}}], spec)
    current.must_be_new(broker)
    return DesiredObject(
        broker=broker,
        ref=current.ref,
        spec=spec,
        observed=current.observed,
        permission=permission,
        secrets=password.secrets(),
        expected_generation=None if taken else user_state(broker, name).generation,
        new=True,
        taken=taken,
    )


def edit_user(
    *,
    broker: Broker,
    name: str,
    fields: Mapping[str, Any],
    acting_user: AnyUser,
    password: Password | None = None,
    expected_generation: int | None = None,
) -> DesiredObject:
    """Return the desired object with `fields` (tags, limits) changed, and the password if given;
    the rest stays. Raises NotAllowed, InvalidField, NotThere. If the generation changes meanwhile,
    `accept` raises Stale."""
    current = user_state(broker, name, viewer=acting_user)
    spec = current.changed(check_user_fields(fields))
    refuse_protected(broker, name, current.observed, spec, new_password=password is not None)
    _refuse_lock_out(broker, current, spec, new_password=password is not None)
    return DesiredObject(
        broker=broker,
        ref=current.ref,
        spec=spec,
        observed=current.observed,
        permission=_right(acting_user, broker, current, spec),
        secrets=password.secrets() if password else None,
        expected_generation=current.generation
        if expected_generation is None
        else expected_generation,
    )


def delete_user(
    *, broker: Broker, name: str, acting_user: AnyUser, expected_generation: int | None = None
) -> DesiredObject:
    """Return the desired object to delete the user. Raises NotAllowed, InvalidField for the
    console's own user, NotThere."""
    current = user_state(broker, name, viewer=acting_user)
    permission = _right(acting_user, broker, current, None)
    refuse_protected(broker, name, current.observed, None)
    _refuse_lock_out(broker, current, None)
    current.must_be_there()
    return DesiredObject(
        broker=broker,
        ref=current.ref,
        spec=None,
        observed=current.observed,
        permission=permission,
        expected_generation=expected_generation,
    )


def _refuse_lock_out(
    broker: Broker,
    current: CurrentState,
    spec: Mapping[str, Any] | None,
    *,
    new_password: bool = False,
) -> None:
    """Refuse a change that would lock out the console's own user. Compares with the desired state,
    which may not be observed yet. Raises InvalidField."""
    found = lock_out(broker, current.ref, current.wanted, spec, new_password=new_password)
    if found is not None:
        raise InvalidField(found.field, found.message)


def user_state(broker: Broker, name: str, *, viewer: AnyUser | None = None) -> CurrentState:
    """Return the desired and observed state of the user. With a `viewer`, a user hidden from them
    looks like one that doesn't exist."""
    if viewer is not None and not (
        sees_all_users(viewer, broker) or knows_user(viewer, broker, name)
    ):
        return CurrentState(Ref(USER.name, (name,)), None, None)
    return current_states(broker, USER.name, [(name,)], seen_of(broker, USER.name, name=[name]))[
        (name,)
    ]


def user_objections(broker: Broker, name: str) -> list[str]:
    """Return sentences about what is lost with the user, and warnings, shown before it is
    deleted."""
    vhosts = list(
        BrokerPermission.objects.filter(broker=broker, user=name).values_list("vhost", flat=True)
    )
    topics = BrokerTopicPermission.objects.filter(broker=broker, user=name).count()
    found: list[str] = []
    if not vhosts and (unknown := broker.status.why_unknown("permissions")):
        found.append(f"The permissions that go with it are unknown. {unknown}")
    if vhosts:
        shown = ", ".join(vhosts[:5]) + (" and more" if len(vhosts) > 5 else "")
        found.append(f"Its permissions on {len(vhosts)} virtual hosts are deleted too: {shown}.")
    if topics:
        found.append(f"Its {topics} topic permissions go with it.")
    found.append("RabbitMQ closes its open connections immediately.")
    row = BrokerUser.objects.filter(broker=broker, name=name).first()
    return found + (note_on(broker, row.tags) if row else [])


def _right(
    acting_user: AnyUser, broker: Broker, current: CurrentState, after: Mapping[str, Any] | None
) -> Permission:
    """Return the right that this edit or deletion (`after` None) of a user needs. Raises
    NotAllowed."""
    (name,) = current.ref.key
    if current.wanted is not None or current.observed is not None:
        reason = why_not_edit_user(acting_user, broker, name)
        if reason:
            raise NotAllowed(reason, {"permission": str(Permission.USERS_EDIT)})
    # Writing the desired state also reverts changes made elsewhere, so those count too.
    before = [spec for spec in (current.wanted, current.observed) if spec is not None]
    return _right_to(acting_user, broker, before, after)


def _right_to(
    acting_user: AnyUser,
    broker: Broker,
    before: Sequence[Mapping[str, Any]],
    after: Mapping[str, Any] | None,
) -> Permission:
    """Return the right needed to change a user from its desired and observed specs (`before`) to
    `after` (None: deleted). Raises NotAllowed.

    Tags and limits of a user apply to the whole broker, so a vhost administrator can't change them.
    """
    if not may_somewhere(acting_user, Permission.USERS_EDIT, broker):
        raise NotAllowed(NOT_OF_THIS_BROKER, {"permission": str(Permission.USERS_EDIT)})
    if after is None:
        return Permission.USERS_EDIT
    limited = any(one.get("limits", {}) != after.get("limits", {}) for one in before)
    if limited and not may(acting_user, Permission.VHOSTS_LIMIT, broker):
        raise NotAllowed(
            "You aren't allowed to set limits of users here.",
            {"permission": str(Permission.VHOSTS_LIMIT)},
        )
    if all(sorted(one.get("tags", [])) == sorted(after.get("tags", [])) for one in before):
        return Permission.VHOSTS_LIMIT if limited else Permission.USERS_EDIT
    if not may(acting_user, Permission.USERS_TAG, broker):
        raise NotAllowed(
            "You aren't allowed to set tags of users here.",
            {"permission": str(Permission.USERS_TAG)},
        )
    return Permission.USERS_TAG


def _check_name(name: str) -> None:
    try:
        check_name("user", name)
    except SpecError as error:
        raise InvalidField(error.field, str(error)) from None


def check_user_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields (tags, limits) in canonical form. Raises InvalidField."""
    unknown = set(fields) - {"tags", "limits"}
    if unknown:
        raise InvalidField(sorted(unknown)[0], f"A user has no field {sorted(unknown)[0]!r}.")
    checked = dict(fields)
    if "tags" in checked:
        checked["tags"] = check_tags(checked["tags"])
    if "limits" in checked:
        checked["limits"] = check_limits(checked["limits"], LIMITS)
    return checked


def check_tags(tags: Any, most: int = MOST_TAGS) -> list[str]:
    """Return the tags, sorted and without duplicates. Raises InvalidField."""
    if not isinstance(tags, list | tuple) or not all(isinstance(tag, str) for tag in tags):
        raise InvalidField("tags", "Tags must be a list of text values.")
    words = sorted(set(tags))
    if len(words) > most:
        raise InvalidField("tags", f"{len(words)} tags; the limit is {most}.")
    for word in words:
        # RabbitMQ reads tags as one text, split at commas and trimmed.
        if not word or word != word.strip():
            raise InvalidField("tags", "A tag can't be empty or begin or end with a space.")
        if "," in word:
            raise InvalidField("tags", "A tag can't contain a comma.")
        try:
            check_name("tag", word, "tags")
        except SpecError as error:
            raise InvalidField("tags", str(error).replace("name", "tag")) from None
    return words


def check_limits(limits: Any, known: tuple[str, ...]) -> dict[str, int]:
    """Return limits by name; a limit that is None or missing means no limit. Raises
    InvalidField."""
    if not isinstance(limits, Mapping):
        raise InvalidField("limits", "Limits must be whole numbers by name.")
    checked: dict[str, int] = {}
    for name, value in limits.items():
        if name not in known:
            raise InvalidField(
                "limits", f"Unknown limit {str(name)[:60]!r}. Valid limits: {', '.join(known)}."
            )
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_LIMIT:
            raise InvalidField(
                "limits",
                f"{name} must be a whole number from 0 to {MOST_LIMIT}. For no limit, "
                "leave it out.",
            )
        checked[name] = value
    return checked
