"""Virtual hosts: desired objects to create, edit and delete them, and warnings."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Count, Q, Sum

from accessctl.authorize import AnyUser, require
from accessctl.models import BrokerPermission
from accessctl.rights import Permission
from accessctl.users.rules import check_limits, check_tags
from console.engine.proposal import DesiredObject
from console.engine.proposals.current_state import CurrentState, current_states
from console.errors import InvalidField, NotAllowed
from console.faces.pages.words import counted, listed
from console.faces.seen import seen_of
from console.kinds.common.kind import Ref, SpecError
from console.kinds.common.names import check_name
from console.kinds.permission import PERMISSION
from console.kinds.queue import QUEUE
from console.kinds.registry import KINDS
from console.kinds.vhost import DEFAULT_TYPE, VHOST
from console.models import Broker
from console.reconcile.dependents import hanging_on
from vhosts.models import Queue, VirtualHost

LIMITS = ("max-connections", "max-queues")
QUEUE_TYPES = ("classic", "quorum", "stream")
MOST_DESCRIPTION = 1000
MOST_TAGS = 32


def create_vhost(
    *, broker: Broker, name: str, fields: Mapping[str, Any], acting_user: AnyUser
) -> DesiredObject:
    """Return the desired object for a new vhost. `fields` are those of its kind. Raises NotAllowed,
    InvalidField, AlreadyThere."""
    require(acting_user, Permission.VHOSTS_CREATE, broker, name)
    try:
        check_name("vhost", name)
    except SpecError as error:
        raise InvalidField(error.field, str(error)) from None
    spec = VHOST.canonical(check_vhost_fields(fields))
    _may_limit(acting_user, broker, name, [{}], spec)
    current = vhost_state(broker, name)
    current.must_be_new(broker)
    return DesiredObject(
        broker=broker,
        ref=current.ref,
        spec=spec,
        observed=current.observed,
        permission=Permission.VHOSTS_CREATE,
        expected_generation=current.generation,
        new=True,
    )


def edit_vhost(
    *,
    broker: Broker,
    name: str,
    fields: Mapping[str, Any],
    acting_user: AnyUser,
    expected_generation: int | None = None,
) -> DesiredObject:
    """Return the desired object with `fields` changed; the rest stays. Raises NotAllowed,
    InvalidField, NotThere. If the generation changes meanwhile, `accept` raises Stale."""
    require(acting_user, Permission.VHOSTS_EDIT, broker, name)
    current = vhost_state(broker, name)
    spec = current.changed(check_vhost_fields(fields))
    # Writing the desired state also reverts changes made elsewhere, so those count too.
    before = [one for one in (current.wanted, current.observed) if one is not None]
    limited = _may_limit(acting_user, broker, name, before, spec)
    return DesiredObject(
        broker=broker,
        ref=current.ref,
        spec=spec,
        observed=current.observed,
        permission=Permission.VHOSTS_LIMIT if limited else Permission.VHOSTS_EDIT,
        expected_generation=current.generation
        if expected_generation is None
        else expected_generation,
    )


def delete_vhost(
    *, broker: Broker, name: str, acting_user: AnyUser, expected_generation: int | None = None
) -> DesiredObject:
    """Return the desired object to delete it. Raises NotAllowed (also if it is protected from
    deletion), NotThere."""
    require(acting_user, Permission.VHOSTS_DELETE, broker, name)
    current = vhost_state(broker, name)
    current.must_be_there()
    if (current.observed or {}).get("protected_from_deletion"):
        raise NotAllowed(
            f"The virtual host {name} is protected from deletion. Remove the protection first."
        )
    return DesiredObject(
        broker=broker,
        ref=current.ref,
        spec=None,
        observed=current.observed,
        permission=Permission.VHOSTS_DELETE,
        expected_generation=expected_generation,
        guard=vhost_guard(broker, name),
    )


def _may_limit(
    acting_user: AnyUser,
    broker: Broker,
    name: str,
    before: Sequence[Mapping[str, Any]],
    after: Mapping[str, Any],
) -> bool:
    """Return whether limits change, compared with the desired or the observed state. Raises
    NotAllowed."""
    limited = any(one.get("limits", {}) != after.get("limits", {}) for one in before)
    if limited:
        require(acting_user, Permission.VHOSTS_LIMIT, broker, name)
    return limited


def vhost_state(broker: Broker, name: str) -> CurrentState:
    return current_states(broker, VHOST.name, [(name,)], seen_of(broker, VHOST.name, name=[name]))[
        (name,)
    ]


def vhost_contents(broker: Broker, name: str) -> dict[str, int]:
    """Return {"queues", "messages", "unknown"} as last observed. `unknown` is the number of queues
    with unknown depth; their messages aren't counted."""
    found = Queue.objects.filter(broker=broker, vhost=name, gone_at=None).aggregate(
        queues=Count("pk"), messages=Sum("total"), unknown=Count("pk", filter=Q(total=None))
    )
    return {name: found[name] or 0 for name in ("queues", "messages", "unknown")}


def vhost_guard(broker: Broker, name: str) -> dict[str, int]:
    """Return what the person who confirms the deletion was shown as lost; {} if that is unknown."""
    return {} if broker.status.why_unknown("queues") else vhost_contents(broker, name)


def vhost_objections(broker: Broker, name: str) -> list[str]:
    """Return sentences about what is lost with the vhost, shown before it is deleted."""
    contents = vhost_contents(broker, name)

    def unknown(part: str, what: str) -> str:
        why = broker.status.why_unknown(part)
        return f"{what} is not known. {why}" if why else ""

    users = list(
        BrokerPermission.objects.filter(broker=broker, vhost=name).values_list("user", flat=True)
    )
    found = [
        f"Permanently lost: {counted(contents['queues'], 'queue')} with "
        f"{counted(contents['messages'], 'message')}."
        if contents["queues"]
        else unknown("queues", "Which queues it has, and what they hold")
        or "It has no queues in the last inventory."
    ]
    if contents["unknown"]:
        found.append(f"Queues with an unknown number of messages: {contents['unknown']}.")
    found.append(f"Its {listed(_falls_with(name))} are deleted too.")
    if users:
        shown = ", ".join(users[:5]) + (" and more" if len(users) > 5 else "")
        found.append(
            f"The permissions of {counted(len(users), 'user')} on it are deleted too: {shown}."
        )
    elif sentence := unknown("permissions", "Which users have permissions on it"):
        found.append(sentence)
    found.append("Connections to it are closed.")
    if name == "/":
        found.append("It is the default virtual host: clients that don't name one connect to it.")
    if VirtualHost.objects.filter(broker=broker, name=name, tracing=True).exists():
        found.append("Tracing is enabled in it.")
    return found


def _falls_with(name: str) -> list[str]:
    """Return the plurals of kinds deleted with the vhost, except those shown with numbers. The same
    list decides what a deletion removes from the pages."""
    told = {QUEUE.name, PERMISSION.name}
    kinds = dict.fromkeys(kind for kind, _ in hanging_on(Ref(VHOST.name, (name,))))
    return [KINDS[kind].plural for kind in kinds if kind not in told]


def check_vhost_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields in canonical form. Raises InvalidField."""
    known = {field.name for field in VHOST.fields}
    for name in fields:
        if name not in known:
            raise InvalidField(name, f"A virtual host has no field {name!r}.")
    checked = dict(fields)
    if "description" in checked:
        checked["description"] = _description(checked["description"])
    if "tags" in checked:
        checked["tags"] = check_tags(checked["tags"], MOST_TAGS)
    if checked.get(DEFAULT_TYPE) not in (None, "", *QUEUE_TYPES):
        raise InvalidField(DEFAULT_TYPE, f"{DEFAULT_TYPE} must be one of {', '.join(QUEUE_TYPES)}.")
    if "limits" in checked:
        checked["limits"] = check_limits(checked["limits"], LIMITS)
    for name in ("tracing", "protected_from_deletion"):
        if name in checked and not isinstance(checked[name], bool):
            raise InvalidField(name, f"{name} must be true or false.")
    return checked


def _description(text: Any) -> str:
    if not isinstance(text, str):
        raise InvalidField("description", "The description must be text.")
    if len(text) > MOST_DESCRIPTION:
        raise InvalidField(
            "description", f"The description has at most {MOST_DESCRIPTION} characters."
        )
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise InvalidField("description", "The description can't contain control characters.")
    return text
