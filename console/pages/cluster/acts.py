"""What is requested of a cluster: its name, feature flags, the leaders and members of its queues."""

from __future__ import annotations

from typing import Any

from django.db.models import Count

from accessctl.authorize import require
from accessctl.rights import Permission
from console.engine.acts.request import RequestedAct
from console.engine.proposal import DesiredObject
from console.errors import InvalidField
from console.faces.face import FACES
from console.faces.objects.proposals import current_state_of
from console.faces.pages.words import counted
from console.kinds.cluster.kind import CLUSTER, ENABLE, GROW, REBALANCE, SHRINK
from console.kinds.common.kind import Ref, SpecError
from console.kinds.common.names import check_name
from console.kinds.global_parameter import GLOBAL_PARAMETER
from console.models import Broker
from vhosts.models import Queue

#: The global parameter that holds the cluster's name.
NAME = ("cluster_name",)
#: Acts on the members of all quorum queues that a node has.
ON_NODE = {act.name: act for act in (GROW, SHRINK)}
_LONGEST_FLAG = 200


def cluster_of(broker: Broker) -> Ref:
    """Return the reference to the broker's cluster, by its name as last read."""
    return Ref(CLUSTER.name, (broker.status.cluster_name or broker.name,))


def rename(broker: Broker, name: str, user: Any) -> DesiredObject:
    """Return the cluster's new name as a desired object. Raises NotAllowed, InvalidField."""
    require(user, Permission.BROKERS_EDIT, broker)
    try:
        check_name(GLOBAL_PARAMETER.name, name)
    except SpecError as error:
        raise InvalidField("name", str(error)) from None
    found = current_state_of(FACES[GLOBAL_PARAMETER.name], broker, NAME)
    return DesiredObject(
        broker=broker,
        ref=found.ref,
        spec={"value": name},
        observed=found.observed,
        permission=Permission.BROKERS_EDIT,
        expected_generation=found.generation,
    )


def enable_flags(broker: Broker, names: list[str], user: Any) -> list[RequestedAct]:
    """Return one act for each feature flag. Raises NotAllowed, InvalidField."""
    require(user, Permission.BROKERS_EDIT, broker)
    if not names:
        raise InvalidField("flag", "Select a feature flag.")
    if any("\0" in name or len(name) > _LONGEST_FLAG for name in names):
        raise InvalidField("flag", "RabbitMQ has no such feature flag.")
    return [
        RequestedAct(
            broker=broker,
            ref=cluster_of(broker),
            act=ENABLE.name,
            permission=Permission.BROKERS_EDIT,
            parameters={"flag": name},
            notes=["A feature flag can't be disabled again. Nodes without it can no longer join."],
        )
        for name in dict.fromkeys(names)
    ]


def rebalance(broker: Broker, user: Any) -> RequestedAct:
    """Return the act that spreads the leaders of replicated queues evenly. Raises NotAllowed."""
    require(user, Permission.REPLICAS_EDIT, broker)
    led = (
        Queue.objects.present()
        .filter(broker=broker)
        .exclude(type="classic")
        .values_list("node")
        .annotate(number=Count("pk"))
        .order_by("node")
    )
    nodes = [(node or "unknown", number) for node, number in led]
    total = sum(number for _, number in nodes)
    running = [node for node in broker.status.nodes or [] if node.get("running")]
    notes = [
        "As last seen: "
        + (
            ", ".join(f"{node} leads {counted(number, 'queue')}" for node, number in nodes)
            or "none"
        )
        + "."
    ]
    if len(running) < 2:
        notes.append("With one node, there is nothing to move.")
    else:
        notes.append(
            f"Even would be about {total / len(running):,.0f} for each of {len(running)} nodes. A moved "
            "leader pauses its queue for a moment; no message is lost."
        )
    return RequestedAct(
        broker=broker,
        ref=cluster_of(broker),
        act=REBALANCE.name,
        permission=Permission.REPLICAS_EDIT,
        notes=notes,
    )


def on_node(broker: Broker, act: str, node: str, user: Any) -> RequestedAct:
    """Return the act that adds a member of every quorum queue on a node, or removes those that it
    has. Raises NotAllowed, InvalidField."""
    require(user, Permission.REPLICAS_EDIT, broker)
    if act not in ON_NODE:
        raise InvalidField("act", f"act must be one of {', '.join(ON_NODE)}.")
    if node not in {one.get("name") for one in broker.status.nodes or []}:
        raise InvalidField("node", "The cluster has no node of this name.")
    quorum = Queue.objects.present().filter(broker=broker, type="quorum").count()
    notes = {
        GROW.name: f"Every one of {counted(quorum, 'quorum queue')} gets a member on {node} and copies its "
        "messages there.",
        SHRINK.name: f"Of {counted(quorum, 'quorum queue')}, those with a member on {node} lose it. A queue whose "
        "only member is there keeps it.",
    }
    return RequestedAct(
        broker=broker,
        ref=cluster_of(broker),
        act=act,
        permission=Permission.REPLICAS_EDIT,
        parameters={"node": node},
        notes=[notes[act]],
    )
