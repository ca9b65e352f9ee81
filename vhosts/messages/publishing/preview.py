"""Where a message would go, by the router, before it is sent; and which queues may refuse it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accessctl.authorize import AnyUser
from console.errors import NotAllowed
from console.kinds.refusals.versions import version_of
from console.rabbitmq.amqp.properties.fields import Typed
from vhosts.messages.publishing.headers.values import for_router
from vhosts.messages.publishing.message import Draft
from vhosts.messages.publishing.where import Place, why_not_now
from vhosts.models import Queue
from vhosts.routing.core.route import route
from vhosts.routing.core.text import shown
from vhosts.routing.mirror import topology_of
from vhosts.routing.rows import seen_in, tree_rows
from vhosts.routing.service import Traced, trace_message

_MOST_NAMED = 5
_FOUR = (4, 0)
#: Quorum queues know two priorities from RabbitMQ 4.0 on: above this number is high.
_QUORUM_NORMAL = 4


@dataclass(frozen=True, slots=True)
class Preview:
    """`hidden`: why the person can't see the route; "" if they can. `blocked`: why nothing can be
    published now."""

    traced: Traced | None
    tree: list[Any]
    reached: list[tuple[str, Queue | None, bool]]
    notes: list[str]
    blocked: str
    hidden: str = ""


def preview_of(draft: Draft, place: Place, *, user: AnyUser, now: datetime) -> Preview:
    """Return where the message goes, as last seen. No broker is called. Raises InvalidField."""
    blocked = why_not_now(place.broker)
    try:
        traced = trace_message(
            broker=place.broker,
            vhost=place.vhost,
            exchange=draft.exchange,
            routing_key=draft.routing_key,
            headers=for_router(draft.headers),
            properties=dict(draft.properties),
            mandatory=True,
            acting_user=user,
            now=now,
        )
    except NotAllowed as error:
        return Preview(None, [], [], [], blocked, hidden=error.message)
    trace = traced.trace
    seen = seen_in(trace, place.broker.pk, place.vhost)
    reached = [(name, seen.queues.get(name), True) for name in trace.queues]
    reached += [(name, seen.queues.get(name), False) for name in trace.possible]
    notes = list(_priority_notes(draft, (queue for _, queue, _ in reached), place))
    if any(value.letter in "TxD" for value in draft.headers.values()):
        notes.append(
            "RabbitMQ compares timestamps, bytes and AMQP decimals only with bindings of the same type, "
            "which the management API can't create."
        )
    streams = [queue for _, queue, _ in reached if queue is not None and queue.type == "stream"]
    if streams and _is_4(place) and any(map(_has_decimal, draft.headers.values())):
        notes.append(
            f"RabbitMQ 4 fails with 541 INTERNAL_ERROR on an AMQP decimal in a stream "
            f"({shown(streams[0].name)}). Write the number as text or as a double."
        )
    tree = list(tree_rows(trace.root, seen)) if trace.root else []
    return Preview(traced, tree, reached, notes, blocked)


def full_queues_refuse(place: Place, draft: Draft) -> str:
    """Return a sentence that names the queues that get the message and refuse further ones when
    they are full; "" if none is known."""
    topology = topology_of(place.broker, place.vhost)
    trace = route(
        topology, draft.exchange, draft.routing_key, for_router(draft.headers), follow=False
    )
    found = []
    for name in (*trace.queues, *trace.possible):
        queue = topology.queues.get(name)
        if queue is None or not str(queue.value("overflow") or "").startswith("reject-publish"):
            continue
        for setting, unit in (("max-length", "messages"), ("max-length-bytes", "bytes")):
            if isinstance(most := queue.value(setting), int):
                found.append(f"{shown(name)} at {most:,} {unit}")
    if not found:
        return ""
    named = ", ".join(found[:_MOST_NAMED])
    return f"These queues get it and refuse messages when they are full: {named}."


def _priority_notes(draft: Draft, queues: Iterable[Queue | None], place: Place) -> Iterable[str]:
    priority = draft.properties.get("priority")
    if not isinstance(priority, int):
        return
    without, number = [], 0
    for queue in queues:
        if queue is None or not queue.type:
            continue
        most = _most_priority(queue.arguments)
        if queue.type == "quorum" and _is_4(place):
            level = "high" if priority > _QUORUM_NORMAL else "normal"
            note = f"In {shown(queue.name)} the priority counts as {level}: quorum queues have two."
        elif queue.type != "classic" or most is None:
            without.append(shown(queue.name))
            continue
        elif priority > most:
            note = f"In {shown(queue.name)} the priority counts as {most}, its x-max-priority."
        else:
            continue
        number += 1
        if number <= _MOST_NAMED:
            yield note
    if without:
        more = f" and {len(without) - _MOST_NAMED:,} more" if len(without) > _MOST_NAMED else ""
        yield (
            f"The priority has no effect in {', '.join(without[:_MOST_NAMED])}{more}: the queue has no "
            "x-max-priority."
        )


def _most_priority(arguments: Mapping[str, Any]) -> int | None:
    found = arguments.get("x-max-priority")
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _is_4(place: Place) -> bool:
    version = version_of(place.broker.status.rabbitmq_version)
    return version is not None and version >= _FOUR


def _has_decimal(typed: Typed) -> bool:
    if typed.letter == "A":
        return any(map(_has_decimal, typed.value))
    return typed.letter == "D" or (
        typed.letter == "F" and any(_has_decimal(one) for _, one in typed.value)
    )
