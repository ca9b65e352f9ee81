"""Where does a message go? Answered from what inventories have seen; no broker is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accessctl.authorize import AnyUser, require
from accessctl.rights import Permission
from console.errors import InvalidField
from console.faces.face import FACES
from console.kinds.vhost import VHOST
from console.models import Broker
from console.models.broker_states import ANSWERING
from vhosts.models import VirtualHost
from vhosts.routing.core.route import route
from vhosts.routing.core.topology import Topology
from vhosts.routing.core.trace import Trace
from vhosts.routing.message import check_message, check_name
from vhosts.routing.mirror import observed_at, topology_of


@dataclass(frozen=True, slots=True)
class Traced:
    """An answer, and how old what it is based on is. `stale`: the broker doesn't answer now."""

    broker: Broker
    vhost: str
    trace: Trace
    observed_at: datetime | None
    stale: bool


def trace_message(
    *,
    broker: Broker,
    vhost: str,
    exchange: str,
    routing_key: str,
    acting_user: AnyUser,
    now: datetime,
    headers: Mapping[str, Any] | None = None,
    properties: Mapping[str, Any] | None = None,
    mandatory: bool = False,
) -> Traced:
    """Return where a message published to an exchange goes. `broker` needs its status loaded.

    Raises NotAllowed, and InvalidField for what no message can have and for a virtual host that isn't
    there.
    """
    require(acting_user, Permission.QUEUES_VIEW, broker, vhost)
    check_message(exchange, routing_key, headers or {}, properties or {})
    check_name("vhost", vhost)
    topology = _topology(broker, vhost)
    trace = route(topology, exchange, routing_key, headers, properties, mandatory=mandatory)
    stale = broker.status.shown_state(now) not in ANSWERING
    return Traced(broker, vhost, trace, observed_at(broker.status), stale)


def _topology(broker: Broker, vhost: str) -> Topology:
    if not VirtualHost.objects.filter(broker=broker, name=vhost).exists() and broker.status.knows(
        FACES[VHOST.name].route
    ):
        raise InvalidField("vhost", "The broker has no virtual host of this name.")
    return topology_of(broker, vhost)
