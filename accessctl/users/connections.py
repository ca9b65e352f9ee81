"""Read a RabbitMQ user's open connections live from its broker (console.brokers.fresh)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from accessctl.authorize import AnyUser, may, may_somewhere
from accessctl.models import BrokerUser
from accessctl.rights import Permission
from console.brokers.fresh import Trouble, read_fresh
from console.errors import NotAllowed
from console.rabbitmq.types import Connection

#: If the broker doesn't answer, an answer up to this old is better than none, if its age is shown.
KEPT_FOR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Connections:
    """`items` None: the broker didn't report them. `complete` False: there are more than are read
    at once. `in_part`: only connections to virtual hosts that the viewer may see are included."""

    at: datetime
    items: Sequence[Connection] | None
    complete: bool
    in_part: bool
    rejected: int = 0
    trouble: Trouble | None = None


def read_connections(user: BrokerUser, *, viewer: AnyUser, now: datetime) -> Connections:
    """Return the connections by virtual host and name. Raises NotAllowed if the viewer may see
    none on the broker."""
    broker = user.broker
    if not may_somewhere(viewer, Permission.CONNECTIONS_VIEW, broker):
        raise NotAllowed(
            "You aren't allowed to view connections here (requires "
            f"{Permission.CONNECTIONS_VIEW}).",
            {"permission": str(Permission.CONNECTIONS_VIEW)},
        )
    read = read_fresh(
        f"user-connections-{user.pk}",
        broker,
        lambda client: client.user_connections(user.name),
        now=now,
        missing="This version of RabbitMQ can't list a user's connections.",
        keep_for=KEPT_FOR,
    )
    in_part = not may(viewer, Permission.CONNECTIONS_VIEW, broker)
    if read.found is None:
        return Connections(read.at, None, False, in_part, trouble=read.trouble)
    found = read.found.items
    if in_part:
        seen = {
            vhost: may(viewer, Permission.CONNECTIONS_VIEW, broker, vhost)
            for vhost in {item.vhost for item in found}
        }
        found = [item for item in found if seen[item.vhost]]
    return Connections(
        at=read.at,
        items=sorted(found, key=lambda item: (item.vhost, item.name)),
        complete=read.found.complete,
        in_part=in_part,
        rejected=len(read.found.rejected),
        trouble=read.trouble,
    )
