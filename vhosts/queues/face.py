"""How queues are mirrored: a row outlives its queue, for the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from accessctl.rights import Permission
from console.faces.face import Face, Get, Rights, Rules
from console.faces.mirror import Doubt, Mirror, Reading
from console.kinds.common.kind import Key
from console.kinds.queue import QUEUE
from console.models import Broker
from console.rabbitmq.cluster import ClusterView
from console.rabbitmq.errors import BrokerError
from console.rabbitmq.management.answers import must_name
from console.rabbitmq.queue_states import state_of
from console.rabbitmq.types import QueueInfo
from vhosts.models import Queue
from vhosts.queues.gone import drop_queues, note_came_or_went
from vhosts.topology.references import dies

#: A queue missing in such a listing isn't gone if a dead node may host it: a queue that isn't
#: classic may have members anywhere. It is down if its node is down; else its state is unknown.
_HELD_BY_THE_DEAD = "(t.type <> 'classic' OR t.node = '' OR t.node = ANY(%(down)s))"
_THEIR_STATE = "state = CASE WHEN t.node = ANY(%(down)s) THEN 'down' ELSE '' END"


def _row(queue: QueueInfo, view: ClusterView) -> tuple[Any, ...]:
    return (
        queue.vhost,
        queue.name,
        queue.type or "",
        state_of(queue, view) or "",
        queue.node or "",
        queue.durable,
        queue.auto_delete,
        queue.exclusive,
        dict(queue.arguments),
        queue.policy or "",
        queue.operator_policy or "",
    )


def _doubt(view: ClusterView) -> Doubt | None:
    if not view.down:
        return None
    return Doubt(_HELD_BY_THE_DEAD, _THEIR_STATE, {"down": sorted(view.down)})


def _messages(broker: Broker, keys: Sequence[Key], get: Get | None) -> Mapping[Key, int | None]:
    if get is not None:
        return {key: _counted_now(key, get) for key in keys}
    rows = Queue.objects.present().filter(broker=broker)
    return {
        (vhost, name): total for vhost, name, total in rows.values_list("vhost", "name", "total")
    }


def _counted_now(key: Key, get: Get) -> int | None:
    try:
        row = get("queues", *key)
        must_name(row, vhost=key[0], name=key[1])
    except BrokerError:
        return None
    count = row.get("messages")
    return count if isinstance(count, int) else None


QUEUES = Face(
    kind=QUEUE,
    model=Queue,
    rights=Rights(
        view=Permission.QUEUES_VIEW,
        create=Permission.QUEUES_EDIT,
        edit=Permission.QUEUES_EDIT,
        delete=Permission.QUEUES_EDIT,
    ),
    slug="queues",
    rules=Rules(messages=_messages, dies=dies(QUEUE.name)),
    mirror=Mirror(
        columns=(
            "type", "state", "node", "durable", "auto_delete", "exclusive", "arguments", "policy",
            "operator_policy",
        ),
        reading=Reading(items=lambda client: client.queues(), row=_row),
        touched="inventoried_at",
        leaves="gone_at",
        doubt=_doubt,
        on_nodes=True,
        drop=drop_queues,
        came_or_went=note_came_or_went,
        read_back=False,
        compared=False,
    ),
    page="queue",
)  # fmt: skip
