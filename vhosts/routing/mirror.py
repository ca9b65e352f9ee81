"""The topology of a virtual host as the last inventory and the changes since have seen it."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import replace
from datetime import datetime
from threading import Lock
from typing import Any

from django.db.models import Count, F, Max

from console.faces.face import FACES
from console.kinds.binding import BINDING
from console.kinds.effective.select import EXCHANGE as EXCHANGE_TYPE
from console.kinds.effective.select import Choice, Target
from console.kinds.exchange import EXCHANGE
from console.kinds.operator_policy import OPERATOR_POLICY
from console.kinds.policy import POLICY
from console.kinds.queue import QUEUE
from console.kinds.refusals.versions import version_of
from console.models import Attempt, Broker, BrokerStatus
from vhosts.models import Binding, Exchange, Queue
from vhosts.policies.read import seen_in
from vhosts.routing.core import topology as core
from vhosts.routing.core.in_force import Deciding, sets_alternates

#: Kinds that the router needs, with what is wrong if one of them isn't completely known.
_NEEDED = (
    (EXCHANGE, "exchanges", "Not all exchanges are known"),
    (QUEUE, "queues", "Not all queues are known"),
    (BINDING, "bindings", "Not all bindings are known"),
    (POLICY, "policies", "Not all policies are known, so alternate exchanges, limits and dead letters may differ"),
    (OPERATOR_POLICY, "operator_policies", "Not all operator policies are known, so limits may differ"),
)  # fmt: skip
#: Topologies kept in a process, and their bindings in all: a binding takes about 1 KB.
_MOST_KEPT = 16
_MOST_BINDINGS = 100_000
_NO_ARGUMENTS: dict[str, Any] = {}
_Key = tuple[int, str]
_kept: OrderedDict[_Key, tuple[Any, core.Topology]] = OrderedDict()
_lock = Lock()


def topology_of(broker: Broker, vhost: str) -> core.Topology:
    """Return the topology with its compiled bindings, kept in this process until an inventory or a
    change may have altered it. `broker` needs its status loaded. Three queries, eight if it is read."""
    stamp = _stamp(broker.status, vhost)
    with _lock:
        kept = _kept.get((broker.pk, vhost))
        if kept is not None and stamp is not None and kept[0] == stamp:
            _kept.move_to_end((broker.pk, vhost))
            return kept[1]
    found = _read(broker, vhost)
    # One that is larger than the whole store would only push out all others.
    if stamp is not None and _bindings(found) <= _MOST_BINDINGS:
        with _lock:
            _kept[broker.pk, vhost] = (stamp, found)
            while len(_kept) > _MOST_KEPT or _size() > _MOST_BINDINGS:
                _kept.popitem(last=False)
    return found


def observed_at(status: BrokerStatus) -> datetime | None:
    """Return when the oldest of the parts that decide was listed; None: one never was."""
    times = [status.part_at(FACES[kind.name].route) for kind, _, _ in _NEEDED[:3]]
    known = [at for at in times if at is not None]
    return min(known) if len(known) == len(times) else None


def _size() -> int:
    return sum(_bindings(kept) for _, kept in _kept.values())


def _bindings(topology: core.Topology) -> int:
    return sum(map(len, topology.bindings.values()))


def _stamp(status: BrokerStatus, vhost: str) -> Any:
    """What changes as soon as the mirror may have changed; None while a change is being applied."""
    attempts = Attempt.objects.aggregate(last=Max("id"))
    # An attempt that a dead worker left never ends; it has the fence of an earlier lease.
    running = Attempt.objects.filter(step__broker=status.broker_id, finished_at=None)
    if running.filter(fence=F("step__broker__lease__fence")).exists():
        return None
    # A poll adds queues before the inventory lists them.
    queues = Queue.objects.present().filter(broker=status.broker_id, vhost=vhost)
    return (
        attempts["last"],
        *queues.aggregate(number=Count("id"), last=Max("id")).values(),
        status.inventory_claim,
        status.inventory_at,
        json.dumps([status.parts_at, status.part_errors, status.suspect], sort_keys=True),
        status.rabbitmq_version,
    )


def _read(broker: Broker, vhost: str) -> core.Topology:
    seen = seen_in(broker, vhost)
    policies, operators = seen.both
    #: The policies that the broker itself names.
    named: dict[tuple[str, bool], tuple[str, str]] = {}

    def choose(target: Target) -> tuple[Choice, Choice]:
        of_policies, of_operators = named.get((target.name, target.type == EXCHANGE_TYPE), ("", ""))
        return (
            _narrowed(policies.quickly(target), of_policies),
            _narrowed(operators.quickly(target), of_operators),
        )

    deciding = Deciding(choose, seen.facts)
    by_policy = any(sets_alternates(one.definition) for one in seen.policies)
    exchanges = []
    for name, kind, internal, arguments, policy in _rows(
        Exchange, broker, vhost, "name", "type", "internal", "arguments", "policy"
    ):
        named[name, True] = (policy, "")
        alternate = (
            deciding.alternate(name, arguments) if by_policy or sets_alternates(arguments) else None
        )
        if name:
            exchanges.append(core.Exchange(name, kind, bool(internal), arguments, alternate))
    queues = []
    for name, kind, arguments, policy, operator in _rows(
        Queue, broker, vhost, "name", "type", "arguments", "policy", "operator_policy", gone_at=None
    ):
        named[name, False] = (policy, operator)
        settings = deciding.of_queue(name, kind, arguments)
        queues.append(core.Queue(name, kind, settings))
    bindings = [
        core.Binding(source, to, destination, key, _arguments(arguments))
        for source, to, destination, key, arguments in _rows(
            Binding, broker, vhost, "source", "destination_type", "destination", "routing_key", "arguments"
        )
    ]  # fmt: skip
    status = broker.status
    incomplete = [
        (part, f"{sentence}: {why}")
        for kind, part, sentence in _NEEDED
        if (why := status.why_unknown(FACES[kind.name].route))
    ]
    missing = {part for part, _ in incomplete}
    return core.build(
        vhost,
        exchanges,
        queues,
        bindings,
        version=version_of(status.rabbitmq_version),
        incomplete=tuple(sentence for _, sentence in incomplete),
        whole=frozenset({"exchanges", "queues", "bindings"} - missing),
        listed=True,
    )


def _narrowed(choice: Choice, reported: str) -> Choice:
    """Of several possible policies, the one that the broker says applies."""
    found = tuple(one for one in (*choice.first, *choice.undecided) if one.name == reported)
    return replace(choice, first=found, undecided=()) if found else choice


def _arguments(text: str) -> dict[str, Any]:
    found: dict[str, Any] = _NO_ARGUMENTS if text == "{}" else json.loads(text)
    return found


def _rows(model: Any, broker: Broker, vhost: str, *columns: str, **more: Any) -> Any:
    rows = model.objects.filter(broker=broker, vhost=vhost, **more)
    return rows.order_by(columns[0], "id").values_list(*columns)
