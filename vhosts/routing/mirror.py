"""The topology of a virtual host as the last inventory and the changes since have seen it."""

from __future__ import annotations

import json
from collections import OrderedDict
from datetime import datetime
from threading import Lock
from typing import Any

from django.db.models import Max

from console.faces.face import FACES
from console.kinds.binding import BINDING
from console.kinds.exchange import EXCHANGE
from console.kinds.operator_policy import OPERATOR_POLICY
from console.kinds.policy import POLICY
from console.kinds.queue import QUEUE
from console.kinds.refusals.versions import version_of
from console.models import Attempt, Broker, BrokerStatus
from vhosts.models import Binding, Exchange, OperatorPolicy, Policy, Queue
from vhosts.routing.core import topology as core
from vhosts.routing.core.in_force import Applied, alternate_of, queue_settings

#: Kinds that the router needs, with what is wrong if one of them isn't completely known.
_NEEDED = (
    (EXCHANGE, "exchanges", "Not all exchanges are known"),
    (QUEUE, "queues", "Not all queues are known"),
    (BINDING, "bindings", "Not all bindings are known"),
    (POLICY, "policies", "Not all policies are known, so alternate exchanges, limits and dead letters may differ"),
    (OPERATOR_POLICY, "operator_policies", "Not all operator policies are known, so limits may differ"),
)  # fmt: skip
_MOST_KEPT = 16
_Key = tuple[int, str]
_kept: OrderedDict[_Key, tuple[Any, core.Topology]] = OrderedDict()
_lock = Lock()


def topology_of(broker: Broker, vhost: str) -> core.Topology:
    """Return the topology with its compiled bindings, kept in this process until an inventory or a
    change may have altered it. `broker` needs its status loaded. Two queries, seven if it is read."""
    stamp = _stamp(broker.status)
    with _lock:
        kept = _kept.get((broker.pk, vhost))
        if kept is not None and stamp is not None and kept[0] == stamp:
            _kept.move_to_end((broker.pk, vhost))
            return kept[1]
    found = _read(broker, vhost)
    if stamp is not None:
        with _lock:
            _kept[broker.pk, vhost] = (stamp, found)
            while len(_kept) > _MOST_KEPT:
                _kept.popitem(last=False)
    return found


def observed_at(status: BrokerStatus) -> datetime | None:
    """Return when the oldest of the parts that decide was listed; None: one never was."""
    times = [status.part_at(FACES[kind.name].route) for kind, _, _ in _NEEDED[:3]]
    known = [at for at in times if at is not None]
    return min(known) if len(known) == len(times) else None


def _stamp(status: BrokerStatus) -> Any:
    """What changes as soon as the mirror may have changed; None while a change is being applied."""
    attempts = Attempt.objects.aggregate(last=Max("id"))
    if Attempt.objects.filter(step__broker=status.broker_id, finished_at=None).exists():
        return None
    return (
        attempts["last"],
        status.inventory_claim,
        status.inventory_at,
        json.dumps([status.parts_at, status.part_errors, status.suspect], sort_keys=True),
        status.rabbitmq_version,
    )


def _read(broker: Broker, vhost: str) -> core.Topology:
    policies: dict[str, Any] = dict(_rows(Policy, broker, vhost, "name", "definition"))
    operators: dict[str, Any] = dict(_rows(OperatorPolicy, broker, vhost, "name", "definition"))

    def applied(name: str, by_name: dict[str, Any]) -> Applied:
        return (name, by_name[name]) if name in by_name else None

    exchanges = [
        core.Exchange(name, kind, bool(internal), arguments, alternate_of(arguments, applied(policy, policies)))
        for name, kind, internal, arguments, policy in _rows(
            Exchange, broker, vhost, "name", "type", "internal", "arguments", "policy"
        )
        if name
    ]  # fmt: skip
    queues = [
        core.Queue(
            name,
            kind or "classic",
            queue_settings(
                kind, arguments, applied(policy, policies), applied(operator, operators)
            ),
        )
        for name, kind, arguments, policy, operator in _rows(
            Queue, broker, vhost, "name", "type", "arguments", "policy", "operator_policy", gone_at=None
        )
    ]  # fmt: skip
    bindings = [
        core.Binding(source, to, destination, key, json.loads(arguments))
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


def _rows(model: Any, broker: Broker, vhost: str, *columns: str, **more: Any) -> Any:
    rows = model.objects.filter(broker=broker, vhost=vhost, **more)
    return rows.order_by(columns[0], "id").values_list(*columns)
