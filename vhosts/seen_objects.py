"""What was last seen of objects of any kind, from the inventories."""

from __future__ import annotations

from collections.abc import Sequence

from accessctl.specs import seen_permissions, seen_topic_permissions, seen_users
from console.models import Broker
from console.reconcile.kinds import Key, Spec
from vhosts.specs import seen_vhosts

#: Kinds that inventories read whole; of others nothing is known without asking the broker.
SEEN_KINDS = ("vhost", "user", "permission", "topic_permission")


def seen_objects(broker: Broker, kind: str, keys: Sequence[Key]) -> dict[Key, Spec]:
    """Those of `keys` that are there, as last seen; a constant number of queries. Empty for a kind that
    is not among SEEN_KINDS."""
    wanted = set(keys)
    if kind == "vhost":
        found = seen_vhosts(broker, [key[0] for key in wanted])
    elif kind == "user":
        found = seen_users(broker, [key[0] for key in wanted])
    elif kind in ("permission", "topic_permission"):
        vhosts, users = {key[0] for key in wanted}, {key[1] for key in wanted}
        of = seen_permissions if kind == "permission" else seen_topic_permissions
        found = of(broker, users=users, vhosts=vhosts)
    else:
        return {}
    return {key: spec for key, spec in found.items() if key in wanted}
