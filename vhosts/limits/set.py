"""Set or clear one limit, as a desired object of its virtual host or user."""

from __future__ import annotations

from accessctl.authorize import AnyUser, require
from accessctl.rights import Permission
from accessctl.users.rules import check_limits, edit_user, user_state
from console.engine.proposal import DesiredObject
from console.errors import InvalidField, NotThere
from console.kinds.vhost import VHOST
from console.models import Broker
from vhosts.limits.find import NAMES
from vhosts.virtual_hosts.rules import edit_vhost, vhost_state


def set_limit(
    *,
    broker: Broker,
    kind: str,
    owner: str,
    name: str,
    value: int | None,
    acting_user: AnyUser,
    expected_generation: int | None = None,
) -> DesiredObject:
    """Return the desired object with one limit changed. `kind` and `owner` name the virtual host or
    user; `value` None clears the limit.

    The rest of the owner's desired state stays. Raises NotAllowed, InvalidField, NotThere. If the
    owner's generation changes meanwhile, `accept` raises Stale.
    """
    on_vhost = kind == VHOST.name
    require(acting_user, Permission.VHOSTS_LIMIT, broker, owner if on_vhost else None)
    if name not in NAMES[kind]:
        word = "virtual host" if on_vhost else "user"
        raise InvalidField("name", f"A {word} can have these limits: {', '.join(NAMES[kind])}.")
    try:
        check_limits({name: value}, NAMES[kind])
    except InvalidField as error:
        raise InvalidField("value", error.message) from None
    current = (vhost_state if on_vhost else user_state)(broker, owner)
    if current.wanted is None and not current.deletion_open:
        word = "virtual host" if on_vhost else "user"
        if unknown := broker.status.why_unknown("vhosts" if on_vhost else "users"):
            raise InvalidField(
                kind, f"Whether {broker.name} has a {word} {owner} is unknown. {unknown}"
            )
        raise InvalidField(kind, f"{broker.name} has no {word} {owner}.")
    limits = dict((current.wanted or {}).get("limits", {}))
    if value is not None:
        limits[name] = value
    elif limits.pop(name, None) is None:
        raise NotThere(f"The {word} {owner} has no limit {name}.")
    # Otherwise two people who set different limits at once would overwrite each other's.
    known = current.managed.generation if current.managed else 0
    edit = edit_vhost if on_vhost else edit_user
    return edit(
        broker=broker,
        name=owner,
        fields={"limits": limits},
        acting_user=acting_user,
        expected_generation=known if expected_generation is None else expected_generation,
    )
