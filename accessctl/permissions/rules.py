"""RabbitMQ permissions and topic permissions: desired objects to set and clear one or many."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from accessctl.authorize import AnyUser, require
from accessctl.permissions.patterns import Patterns, check_patterns
from accessctl.reach import reach_of
from accessctl.rights import Permission
from accessctl.users.access.ownership import known_users
from console.engine.proposal import DesiredObject
from console.engine.proposals.current_state import CurrentState, current_states
from console.errors import InvalidField
from console.faces.seen import ids_of, seen_of
from console.kinds.common.kind import Key, Kind, Ref, SpecError
from console.kinds.common.names import check_name
from console.kinds.permission import PERMISSION
from console.kinds.registry import TOPIC_PERMISSION
from console.kinds.user import USER
from console.kinds.vhost import VHOST
from console.models import Broker, ManagedObject

#: The most cells in one bulk operation. For more, import a file with `manage.py apply`.
MOST_AT_ONCE = 10_000


def set_permissions(
    *,
    broker: Broker,
    vhosts: Sequence[str],
    users: Sequence[str],
    patterns: Patterns,
    acting_user: AnyUser,
    expected_generation: int | None = None,
    making: Collection[Ref] = (),
) -> list[DesiredObject]:
    """Return desired objects that give every user the same patterns in every vhost. `making` has
    users and vhosts that the same request creates. Raises NotAllowed, InvalidField."""
    keys = _pairs(broker, vhosts, users, acting_user)
    spec = patterns.spec(broker)
    _must_exist(broker, VHOST.name, vhosts, making)
    _must_know(broker, users, acting_user, making)
    seen = seen_of(broker, PERMISSION.name, user=users, vhost=vhosts)
    return [
        _desired(broker, current, spec, expected_generation)
        for current in current_states(broker, PERMISSION.name, keys, seen).values()
    ]


def edit_permission(
    kind: Kind,
    *,
    broker: Broker,
    key: Key,
    fields: Mapping[str, str],
    acting_user: AnyUser,
    expected_generation: int | None = None,
) -> DesiredObject:
    """Return the desired object with the patterns in `fields` changed, of a permission or topic
    permission; the others stay. Raises NotAllowed, InvalidField, NotThere. If the generation
    changes meanwhile, `accept` raises Stale."""
    require(acting_user, Permission.PERMISSIONS_EDIT, broker, kind.vhost_of(key))
    current = state_of(kind, broker, key)
    check_patterns(fields, broker)
    if expected_generation is None:
        expected_generation = current.generation
    return _desired(broker, current, current.changed(fields), expected_generation)


def clear_permissions(
    *,
    broker: Broker,
    vhosts: Sequence[str],
    users: Sequence[str],
    acting_user: AnyUser,
    expected_generation: int | None = None,
) -> list[DesiredObject]:
    """Return desired objects that clear the permissions of every user in every vhost; cells without
    one are left out. Raises NotAllowed, and NotThere if no cell has a permission."""
    keys = _pairs(broker, vhosts, users, acting_user)
    seen = seen_of(broker, PERMISSION.name, user=users, vhost=vhosts)
    found = current_states(broker, PERMISSION.name, keys, seen)
    there = [
        s
        for s in found.values()
        if not s.deletion_open and (s.wanted is not None or s.observed is not None)
    ]
    if not there:
        next(iter(found.values())).must_be_there()
    return [_desired(broker, current, None, expected_generation) for current in there]


def copy_permissions(
    *, broker: Broker, source: str, target: str, replace: bool, acting_user: AnyUser
) -> list[DesiredObject]:
    """Return desired objects that copy the permissions and topic permissions of `source` to
    `target`.

    Only virtual hosts whose permissions the person may see are copied. `replace` also clears those
    of `target` that `source` doesn't have. Raises NotAllowed, InvalidField.
    """
    if source == target:
        raise InvalidField("target", "Choose a different user to copy to.")
    _must_know(broker, [target], acting_user)
    reach = reach_of(acting_user).of_the_person
    desired_objects: list[DesiredObject] = []
    for kind in (PERMISSION, TOPIC_PERMISSION):
        seen = {
            key: spec
            for key, spec in seen_of(broker, kind.name, user=[source, target]).items()
            if reach.has(Permission.PERMISSIONS_VIEW, broker, key[0])
        }
        wanted = {
            (key[0], target, *key[2:]): spec for key, spec in seen.items() if key[1] == source
        }
        gone = {key for key in seen if key[1] == target} - set(wanted) if replace else set()
        for key in [*wanted, *gone]:
            require(acting_user, Permission.PERMISSIONS_EDIT, broker, key[0])
        found = current_states(broker, kind.name, [*wanted, *gone], seen)
        desired_objects += [
            _desired(broker, found[key], wanted.get(key), None) for key in [*wanted, *gone]
        ]
    if unknown := broker.status.why_unknown("permissions"):
        raise InvalidField("source", f"The permissions of {source} are unknown. {unknown}")
    if not desired_objects:
        raise InvalidField("source", f"{source} has no permissions to copy.")
    return desired_objects


def set_topic(
    *,
    broker: Broker,
    key: Key,
    fields: Mapping[str, str],
    acting_user: AnyUser,
    expected_generation: int | None = None,
    making: Collection[Ref] = (),
) -> DesiredObject:
    """Return the desired object to set a topic permission. `fields` has both patterns; `making` is
    as in `set_permissions`. Raises NotAllowed, InvalidField."""
    vhost, user, exchange = key
    require(acting_user, Permission.PERMISSIONS_EDIT, broker, vhost)
    check_patterns(fields, broker)
    try:
        check_name(TOPIC_PERMISSION.name, exchange, "exchange")
    except SpecError as error:
        raise InvalidField(error.field, str(error)) from None
    _must_exist(broker, VHOST.name, [vhost], making)
    _must_know(broker, [user], acting_user, making)
    return _desired(broker, state_of(TOPIC_PERMISSION, broker, key), fields, expected_generation)


def clear_topic(
    *, broker: Broker, key: Key, acting_user: AnyUser, expected_generation: int | None = None
) -> DesiredObject:
    """Return the desired object to clear a topic permission. Raises NotAllowed, NotThere."""
    require(acting_user, Permission.PERMISSIONS_EDIT, broker, TOPIC_PERMISSION.vhost_of(key))
    current = state_of(TOPIC_PERMISSION, broker, key)
    current.must_be_there()
    return _desired(broker, current, None, expected_generation)


def state_of(kind: Kind, broker: Broker, key: Key) -> CurrentState:
    """Return the desired and observed state of a permission or topic permission. Two queries."""
    seen = seen_of(broker, kind.name, user=[key[1]], vhost=[key[0]])
    return current_states(broker, kind.name, [key], seen)[key]


def _pairs(
    broker: Broker, vhosts: Iterable[str], users: Iterable[str], acting_user: AnyUser
) -> list[tuple[str, str]]:
    vhosts, users = list(dict.fromkeys(vhosts)), list(dict.fromkeys(users))
    if not vhosts:
        raise InvalidField("vhost", "Choose a virtual host.")
    if not users:
        raise InvalidField("user", "Choose a user.")
    if len(vhosts) * len(users) > MOST_AT_ONCE:
        raise InvalidField(
            "user",
            f"That is {len(vhosts) * len(users)} permissions; the limit is "
            f"{MOST_AT_ONCE}. Choose fewer users or virtual hosts.",
        )
    for vhost in vhosts:
        require(acting_user, Permission.PERMISSIONS_EDIT, broker, vhost)
    return [(vhost, user) for vhost in vhosts for user in users]


def _must_exist(
    broker: Broker, kind: str, names: Iterable[str], making: Collection[Ref] = ()
) -> None:
    """Check that the objects exist or are requested, here (`making`) or earlier, so that a typing
    error is found before the broker is called. Raises InvalidField."""
    missing = {name for name in names if Ref(kind, (name,)) not in making}
    missing -= {key[0] for key in ids_of(broker, kind, [(name,) for name in missing])}
    if missing:
        asked = ManagedObject.objects.filter(broker=broker, kind=kind, spec__isnull=False)
        missing -= {row.key[0] for row in asked.filter(key__in=[[name] for name in missing])}
    _none_missing(broker, kind, missing)


def _must_know(
    broker: Broker, names: Iterable[str], person: AnyUser, making: Collection[Ref] = ()
) -> None:
    """Like `_must_exist`, for users: one hidden from the person looks like one that doesn't exist.
    Raises InvalidField."""
    missing = {name for name in names if Ref(USER.name, (name,)) not in making}
    _none_missing(broker, USER.name, missing - known_users(person, broker, missing))


def _none_missing(broker: Broker, kind: str, missing: Collection[str]) -> None:
    if not missing:
        return
    word, part = ("virtual host", "vhosts") if kind == VHOST.name else (kind, "users")
    name = sorted(missing)[0]
    if unknown := broker.status.why_unknown(part):
        raise InvalidField(kind, f"Whether {broker.name} has a {word} {name} is unknown. {unknown}")
    raise InvalidField(kind, f"{broker.name} has no {word} {name}.")


def _desired(
    broker: Broker,
    current: CurrentState,
    spec: Mapping[str, Any] | None,
    expected_generation: int | None,
) -> DesiredObject:
    return DesiredObject(
        broker=broker,
        ref=current.ref,
        spec=spec,
        observed=current.observed,
        permission=Permission.PERMISSIONS_EDIT,
        expected_generation=expected_generation,
    )
