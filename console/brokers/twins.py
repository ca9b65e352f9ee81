"""Whether a cluster is already registered. A cluster that is registered twice counts twice in every
total.

Two brokers are the same cluster if their cluster name and at least one node name are equal.
Versions up to 4.3 report no other identity over the management API to users of every tag.
"""

from __future__ import annotations

from collections.abc import Collection

from console.audit import User
from console.models import Broker, BrokerStatus
from console.rabbitmq.endpoint import Endpoint, Timeouts
from console.rabbitmq.errors import BrokerError
from console.rabbitmq.management.client import ManagementClient

_QUICK = Timeouts(connect=3, read=5, total=5)


def registered_twin(
    cluster_name: str, nodes: Collection[str], *, besides: int | None = None
) -> Broker | None:
    """Return the registered broker that is the same cluster, by its last poll. One query."""
    if not cluster_name:
        return None
    same = BrokerStatus.objects.select_related("broker").filter(cluster_name=cluster_name)
    for status in same.exclude(pk=besides).order_by("pk"):
        view = status.cluster()
        if (view.running | view.down) & set(nodes):
            return status.broker
    return None


def twin_at(endpoint: Endpoint, *, besides: int | None = None) -> Broker | None:
    """Return the registered broker that is the same cluster as the one at the endpoint, within 10
    seconds. None if there is none, or if the endpoint doesn't report its identity. Makes no call if
    no other broker has been polled.
    """
    polled = BrokerStatus.objects.exclude(pk=besides).exclude(cluster_name="")
    if not polled.exists():
        return None
    try:
        with ManagementClient(
            Endpoint(
                url=endpoint.url,
                credentials=endpoint.credentials,
                tls=endpoint.tls,
                timeouts=_QUICK,
                policy=endpoint.policy,
            )
        ) as client:
            overview = client.overview()
            nodes = {listener.node for listener in overview.listeners} | {overview.node or ""}
    except BrokerError:
        return None
    return registered_twin(overview.cluster_name or "", nodes - {""}, besides=besides)


def already_registered(twin: Broker, viewer: User) -> str:
    """Return a sentence about the duplicate. It names the broker only to those who may see it;
    `viewer` None is the command line."""
    named = viewer is None or Broker.objects.visible_to(viewer).filter(pk=twin.pk).exists()
    where = f"as {twin.name}" if named else "under another name"
    return (
        f"This cluster is registered already, {where}: it has the same cluster name and nodes. "
        "Its queues and messages would count twice in every total."
    )
