"""Queues: desired objects to create, replace and delete them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from django.db.models import Q

from accessctl.authorize import AnyUser, require
from accessctl.rights import Permission
from console.engine.proposal import DesiredObject
from console.engine.proposals.current_state import CurrentState, current_states
from console.errors import ConsoleError, InvalidField
from console.kinds.common.kind import Key, Spec, SpecError
from console.kinds.common.names import check_name
from console.kinds.queue import QUEUE
from console.kinds.vhost import DEFAULT_TYPE, VHOST
from console.models import Broker
from vhosts.bindings.carry import carried
from vhosts.models import Queue, VirtualHost

#: Delete a queue whatever it holds, only while it has no messages, or only while it has no consumers.
Mode = Literal["always", "if_empty", "if_unused"]
MODES: Mapping[Mode, str] = {
    "always": "Always",
    "if_empty": "Only if it has no messages",
    "if_unused": "Only if it has no consumers",
}
_SERVER_NAMED = (
    "RabbitMQ chose this name for a client, and the queue belongs to that client. Close the client's "
    "connection instead."
)


class Kept(ConsoleError):
    """The queue can't be deleted from the console."""

    code = "kept"
    http_status = 409


def states_of(broker: Broker, rows: Sequence[Queue]) -> dict[Key, CurrentState]:
    """Return the current state of the queues of mirror rows on one broker, in one query."""
    seen: dict[Key, Spec] = {
        (row.vhost, row.name): spec_of(row) for row in rows if row.gone_at is None
    }
    return current_states(broker, QUEUE.name, [(row.vhost, row.name) for row in rows], seen)


def queue_state(broker: Broker, key: Key) -> CurrentState:
    rows = Queue.objects.present().filter(broker=broker, vhost=key[0], name=key[1])
    seen: dict[Key, Spec] = {(row.vhost, row.name): spec_of(row) for row in rows}
    return current_states(broker, QUEUE.name, [key], seen)[key]


def spec_of(row: Queue) -> dict[str, Any]:
    """Return the observed spec without what isn't known."""
    values = {field.name: getattr(row, field.name) for field in QUEUE.fields}
    return {name: value for name, value in values.items() if value is not None}


def create_queue(
    *, broker: Broker, key: Key, fields: Mapping[str, Any], acting_user: AnyUser
) -> DesiredObject:
    """Return the desired object for a new queue. Raises NotAllowed, InvalidField, AlreadyThere."""
    vhost, name = key
    require(acting_user, Permission.QUEUES_EDIT, broker, vhost)
    for kind, value, field in (("vhost", vhost, "vhost"), (QUEUE.name, name, "name")):
        try:
            check_name(kind, value, field)
        except SpecError as error:
            raise InvalidField(error.field, str(error)) from None
    _must_be_known(broker, vhost)
    spec = _canonical(fields)
    refuse_server_named(key)
    current = queue_state(broker, key)
    current.must_be_new(broker)
    return DesiredObject(
        broker=broker,
        ref=current.ref,
        spec=spec,
        observed=current.observed,
        permission=Permission.QUEUES_EDIT,
        expected_generation=current.generation,
        new=True,
    )


def replace_queue(
    *,
    broker: Broker,
    key: Key,
    fields: Mapping[str, Any],
    acting_user: AnyUser,
    expected_generation: int | None = None,
    lose_messages: bool = False,
    carry_bindings: bool = True,
) -> list[DesiredObject]:
    """Return the desired objects that delete a queue and declare it again with `fields`, and then
    its bindings. Unless `lose_messages`, RabbitMQ refuses it while the queue holds messages. Raises
    NotAllowed, InvalidField, NotThere, Kept."""
    require(acting_user, Permission.QUEUES_EDIT, broker, key[0])
    current = queue_state(broker, key)
    spec = _canonical(current.changed(fields))
    refuse_server_named(key)
    row = Queue.objects.present().filter(broker=broker, vhost=key[0], name=key[1]).first()
    if row is not None and (reason := why_kept(row)):
        raise Kept(reason)
    if current.observed is not None and _canonical(current.observed) == spec:
        raise InvalidField(
            "arguments", "Nothing differs from the queue as it is. Change a property."
        )
    guard = guard_of(row.total if row else None, "always") if lose_messages else {}
    queue = DesiredObject(
        broker=broker,
        ref=current.ref,
        spec=spec,
        observed=current.observed,
        permission=Permission.QUEUES_EDIT,
        expected_generation=current.generation
        if expected_generation is None
        else expected_generation,
        guard=guard,
    )
    if not carry_bindings:
        return [queue]
    again = carried(broker, key[0], bindings_of(key), acting_user, field="carry_bindings")
    return [queue, *again]


def bindings_of(key: Key) -> Q:
    """Return the condition on the bindings to a queue; those of the default exchange aren't mirrored."""
    return Q(destination_type=QUEUE.name, destination=key[1])


def delete_queue(
    *,
    broker: Broker,
    key: Key,
    acting_user: AnyUser,
    expected_generation: int | None = None,
    mode: Mode = "always",
) -> DesiredObject:
    """Return the desired object to delete a queue. Raises NotAllowed, NotThere, Kept."""
    require(acting_user, Permission.QUEUES_EDIT, broker, key[0])
    current = queue_state(broker, key)
    current.must_be_there()
    row = Queue.objects.present().filter(broker=broker, vhost=key[0], name=key[1]).first()
    if row is not None and (reason := why_kept(row)):
        raise Kept(reason)
    guard = guard_of(row.total if row else None, mode)
    return _deletion(current, broker, guard, expected_generation)


def delete_queues(
    rows: Sequence[Queue], acting_user: AnyUser, mode: Mode = "always"
) -> list[DesiredObject]:
    """Return the desired objects to delete the queues of mirror rows, in one query per broker.
    Raises NotAllowed."""
    found: list[DesiredObject] = []
    by_broker: dict[int, list[Queue]] = {}
    for row in rows:
        require(acting_user, Permission.QUEUES_EDIT, row.broker, row.vhost)
        by_broker.setdefault(row.broker_id, []).append(row)
    for of_broker in by_broker.values():
        broker = of_broker[0].broker
        states = states_of(broker, of_broker)
        for row in of_broker:
            current = states[row.vhost, row.name]
            if not current.deletion_open:
                found.append(_deletion(current, broker, guard_of(row.total, mode), None))
    return found


def _deletion(
    current: CurrentState, broker: Broker, guard: Mapping[str, int], generation: int | None
) -> DesiredObject:
    return DesiredObject(
        broker=broker,
        ref=current.ref,
        spec=None,
        observed=current.observed,
        permission=Permission.QUEUES_EDIT,
        expected_generation=generation,
        guard=guard,
    )


def why_kept(row: Queue) -> str:
    """Return why the queue can't be deleted from here: it belongs to a connection; "" if it can."""
    if row.exclusive:
        return (
            f"The queue {row.name} is exclusive: only the connection that declared it can use it. "
            "Close that connection to delete it."
        )
    return ""


def guard_of(total: int | None, mode: Mode) -> dict[str, int]:
    """Return what the deletion was confirmed to lose, and how RabbitMQ is to delete it: by default
    only while it is empty (`console/engine/applying/attempt.py`)."""
    if mode == "if_empty":
        return {}
    held = {} if total is None else {"messages": total}
    return {"force": 1, **({"if_unused": 1} if mode == "if_unused" else {}), **held}


def refuse_server_named(key: Key) -> None:
    """Raise InvalidField for a name that only the server gives."""
    if key[1].startswith("amq."):
        raise InvalidField("name", _SERVER_NAMED)


def default_type(broker: Broker, vhost: str) -> str:
    """Return the virtual host's default queue type, as last observed; "" if it has none."""
    rows = VirtualHost.objects.filter(broker=broker, name=vhost)
    return rows.values_list(DEFAULT_TYPE, flat=True).first() or ""


def _must_be_known(broker: Broker, vhost: str) -> None:
    """Raise InvalidField if the virtual host neither exists nor is requested."""
    if VirtualHost.objects.filter(broker=broker, name=vhost).exists():
        return
    state = current_states(broker, VHOST.name, [(vhost,)], {})[(vhost,)]
    if state.wanted is None and broker.status.inventory_at is not None:
        raise InvalidField("vhost", f"{broker.name} has no virtual host {vhost}.")


def _canonical(fields: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return QUEUE.canonical(fields)
    except SpecError as error:
        raise InvalidField(error.field, str(error)) from None
