"""What the rest of the console may ask of a broker.

Every method returns typed values or raises a `BrokerError`; an empty listing means that the
broker said there are none, never that we could not ask. Every call ends by its deadline.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from console.rabbitmq.types import (
    Binding,
    ExchangeInfo,
    Listing,
    Node,
    Overview,
    PermissionInfo,
    PolicyInfo,
    QueueDepth,
    QueueInfo,
    QueueNow,
    TopicPermissionInfo,
    UserInfo,
    VhostInfo,
    VhostLimits,
    Whoami,
)


class VitalsReader(Protocol):
    def overview(self) -> Overview: ...
    def nodes(self) -> Listing[Node]: ...
    def whoami(self) -> Whoami: ...
    def alarms(self) -> list[str]:
        """Alarms in effect, as short sentences ("memory on rabbit@a"); empty: the broker says none."""
        ...


class TopologyReader(Protocol):
    def vhosts(self) -> Listing[VhostInfo]: ...
    def vhost_limits(self) -> Listing[VhostLimits]: ...
    def queues(self) -> Listing[QueueInfo]:
        """Every queue; heals around rows the broker itself cannot list."""
        ...

    def exchanges(self) -> Listing[ExchangeInfo]: ...
    def policies(self) -> Listing[PolicyInfo]: ...
    def operator_policies(self) -> Listing[PolicyInfo]: ...
    def queue_now(self, vhost: str, name: str) -> QueueNow: ...
    def queue_bindings(self, vhost: str, name: str) -> Listing[Binding]: ...


class AccessReader(Protocol):
    def users(self) -> Listing[UserInfo]: ...
    def permissions(self) -> Listing[PermissionInfo]: ...
    def topic_permissions(self) -> Listing[TopicPermissionInfo]: ...


class DepthReader(Protocol):
    def depths(self) -> Listing[QueueDepth]:
        """Depths of all queues by this transport's cheapest way."""
        ...


class PassiveDepthReader(Protocol):
    def depths_of(self, names: Sequence[tuple[str, str]]) -> Listing[QueueDepth]:
        """Depths of the named (vhost, queue) pairs by AMQP passive declare."""
        ...
