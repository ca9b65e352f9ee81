"""Start a virtual host that stopped on a node: a one-time operation, not a desired state."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accessctl.authorize import AnyUser, require
from accessctl.rights import Permission
from console.audit import record
from console.brokers.connect import connect
from console.engine.applying.broker_objects import BrokerObjects
from console.errors import BrokerTrouble, InvalidField
from console.models import BrokerStatus
from console.rabbitmq.endpoint import Timeouts
from console.rabbitmq.errors import BrokerError, ConnectionLost, MalformedAnswer, TimedOut
from vhosts.models import VirtualHost

#: The broker replies once the virtual host and its queues have started.
DEADLINE = Timeouts(connect=3.0, read=20.0, total=20.0)
#: After these errors, it is unknown whether the broker started it.
_LOST = (ConnectionLost, TimedOut, MalformedAnswer)
#: The only audit row if this process dies before the outcome is known.
_ASKED = "requested; outcome unknown unless a later entry states it"


def restart_vhost(*, vhost: VirtualHost, node: str, acting_user: AnyUser, now: datetime) -> None:
    """Call the broker once, without retries. Nothing happens on a node where the vhost runs.

    One audit row is stored before the call, a second one with the outcome. Raises NotAllowed,
    InvalidField for an unknown node, and BrokerTrouble with the broker's reply, or stating that the
    outcome is unknown if the reply was lost.
    """
    require(acting_user, Permission.VHOSTS_RESTART, vhost.broker, vhost.name)
    if node not in vhost.cluster_state:
        raise InvalidField("node", f"{vhost.broker.name} has no node {node[:100]}.")
    client = connect(vhost.broker, timeouts=DEADLINE)
    _record(vhost, node, acting_user, _ASKED)
    try:
        with client:
            BrokerObjects(client.http).post("vhosts", vhost.name, "start", node)
    except BrokerError as error:
        said = error.detail or error.summary
        if isinstance(error, _LOST):
            _record(vhost, node, acting_user, f"unknown: {said}")
            _look_again(vhost, now)
            raise BrokerTrouble(
                f"It's unknown whether {vhost.name} was started on {node}: {said} The "
                "console doesn't retry. Check the state of the virtual host first."
            ) from None
        _record(vhost, node, acting_user, said)
        raise BrokerTrouble(f"{vhost.name} couldn't be started on {node}: {said}") from None
    _record(vhost, node, acting_user, "done")
    _look_again(vhost, now)


def _look_again(vhost: VirtualHost, now: datetime) -> None:
    """Schedule an inventory now, to read the state on the nodes."""
    BrokerStatus.objects.filter(broker=vhost.broker).update(next_inventory_at=now)


@transaction.atomic
def _record(vhost: VirtualHost, node: str, acting_user: AnyUser, outcome: str) -> None:
    record(
        "vhost:restart",
        target_kind="vhost",
        target=vhost.name,
        broker=vhost.broker,
        acting_user=acting_user,
        after={"node": node, "outcome": outcome},
    )
