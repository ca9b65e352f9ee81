"""How queues are mirrored: a row outlives its queue, for the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from accessctl.authorize import may
from accessctl.rights import Permission
from console.errors import InvalidField
from console.faces.drawing import ListPage
from console.faces.face import FACES, Face, Get, Rights, Rules
from console.faces.mirror import Doubt, Mirror, Reading
from console.faces.operations.declare import Bulk, BulkForm, ObjectAct, Selected
from console.faces.operations.requests import bulk_act
from console.faces.writes import Api
from console.kinds.common.kind import Key
from console.kinds.queue import PURGE, QUEUE
from console.models import Broker
from console.rabbitmq.cluster import ClusterView
from console.rabbitmq.errors import BrokerError
from console.rabbitmq.management.answers import must_name
from console.rabbitmq.queue_states import state_of
from console.rabbitmq.types import QueueInfo
from vhosts.lists import QUEUES as LISTING
from vhosts.models import Queue
from vhosts.policies.from_names import policy_for
from vhosts.queues.changing.api import QueueNew, QueueReplacement
from vhosts.queues.changing.form import QUEUE_FORM
from vhosts.queues.changing.losses import (
    delete_remarks,
    dies,
    guard,
    purge_guard,
    purge_notes,
    purge_remarks,
)
from vhosts.queues.changing.services import (
    create_queue,
    delete_queue,
    delete_queues,
    queue_state,
    replace_queue,
    why_kept,
)
from vhosts.queues.gone import drop_queues, note_came_or_went
from vhosts.selectors import listed

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
        *_members(queue, view),
    )


def _members(queue: QueueInfo, view: ClusterView) -> tuple[int | None, int | None]:
    """Return how many members the queue has, and how many of them are online."""
    if not queue.members:
        return None, None
    online = {name for name in queue.online or queue.members if name not in view.down}
    return len(queue.members), len(online & set(queue.members))


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


def _why_not_purged(row: Queue) -> str:
    if row.gone_at is not None:
        return f"The queue {row.name} doesn't exist any more."
    return PURGE.refuses({"type": row.type}) or why_kept(row)


_PURGE = ObjectAct(
    act=PURGE,
    right=Permission.QUEUES_PURGE,
    details=purge_notes,
    guard=purge_guard,
    refuses=_why_not_purged,
    about="Purge a queue: delete all its ready messages. Unacked messages stay with their consumers; "
    "a stream can't be purged. RabbitMQ is asked at most once.",
)


def _there(broker: Broker, key: Key, user: Any) -> bool:
    seen = may(user, Permission.QUEUES_VIEW, broker, key[0])
    return seen and queue_state(broker, key).wanted is not None


def _delete(rows: Sequence[Queue], user: Any) -> Selected:
    fit = [row for row in rows if row.gone_at is None and not why_kept(row)]
    if not fit:
        raise InvalidField("", "None of the selected queues can be deleted from here.")
    left_out = len(rows) - len(fit)
    more = [f"Left out: {left_out:,}, which are exclusive or gone."] if left_out else []
    return Selected(desired_objects=delete_queues(fit, user), remarks=[*delete_remarks(fit), *more])


_BULK: list[Bulk | BulkForm] = [
    BulkForm(
        name="policy", verb="Create policy for", right=Permission.POLICIES_EDIT, leads_to=policy_for
    ),
    bulk_act(lambda: FACES[QUEUE.name], _PURGE, purge_remarks, icon="archive-box-x-mark"),
    Bulk(name="delete", verb="Delete", right=Permission.QUEUES_EDIT, make=_delete, icon="trash"),
]
_WRITES = Api(
    create=create_queue,
    edit=replace_queue,
    delete=delete_queue,
    change=QueueReplacement,
    new=QueueNew,
    verbs=("Create", "Replace", "Delete"),
    there=_there,
)

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
    listing=LISTING,
    list_page=ListPage(bulk=_BULK, listed=listed, own_view=True),
    rules=Rules(messages=_messages, dies=dies, guard=guard),
    form=QUEUE_FORM,
    api=_WRITES,
    acts=[_PURGE],
    mirror=Mirror(
        columns=(
            "type", "state", "node", "durable", "auto_delete", "exclusive", "arguments", "policy",
            "operator_policy", "members", "members_online",
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
