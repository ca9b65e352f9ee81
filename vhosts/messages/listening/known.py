"""Which exchanges and queues are on a broker, also those that the console has just created."""

from __future__ import annotations

from typing import Literal

from accessctl.authorize import AnyUser
from console.models import Broker, ManagedObject, Sync
from vhosts.models import Exchange, Queue


def created_here(broker: Broker, vhost: str, kind: Literal["exchange", "queue"]) -> set[str]:
    """Return the names of those that the console created and read back. The next inventory lists
    them too."""
    made = ManagedObject.objects.filter(
        broker=broker, kind=kind, key__0=vhost, sync=Sync.IN_SYNC, spec__isnull=False
    )
    return {key[1] for key in made.values_list("key", flat=True)}


def is_there(
    user: AnyUser, broker: Broker, vhost: str, kind: Literal["exchange", "queue"], name: str
) -> bool:
    """Return whether the user may see an exchange or queue of this name."""
    if kind == "exchange":
        rows = Exchange.objects.visible_to(user).filter(broker=broker, vhost=vhost, name=name)
        return bool(rows.exists()) or name in created_here(broker, vhost, kind)
    queues = Queue.objects.visible_to(user).filter(broker=broker, vhost=vhost, name=name)
    return bool(queues.filter(gone_at=None).exists()) or name in created_here(broker, vhost, kind)
