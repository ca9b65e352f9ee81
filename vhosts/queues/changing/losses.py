"""What is lost when queues are purged, deleted or replaced, as sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from console.faces.pages.words import counted
from console.faces.templatetags._text import ages_ago
from console.kinds.common.kind import Key, Spec
from console.kinds.queue import QUEUE
from console.models import Broker
from vhosts.models import Binding, Queue
from vhosts.queues.changing.services import bindings_of
from vhosts.queues.read_now import Reading, read_queue_now
from vhosts.topology.references import dies as changed_for_others

#: Most names in one sentence.
_SOME = 5


def counted_now(row: Queue, reading: Reading | None = None) -> tuple[int | None, int | None, str]:
    """Return ready and unacked messages and when they were counted: live if the broker answers, else
    as last polled. None: unknown."""
    if reading is not None and reading.now is not None:
        depth = reading.now.depth
        return depth.ready, depth.unacked, "now"
    at = row.broker.status.depths_at
    return row.ready, row.unacked, "by the last poll" if at is None else f"at {_clock(at)}"


def purge_notes(row: Queue) -> list[str]:
    """Return what a purge of the queue deletes and leaves, and who consumes from it."""
    reading = read_queue_now(row, now=timezone.now())
    ready, unacked, when = counted_now(row, reading)
    if ready is None:
        found = ["How many messages are lost is unknown: RabbitMQ hasn't counted them yet."]
    else:
        found = [f"Lost: {counted(ready, 'ready message')}, as counted {when}."]
    if unacked:
        stay = "stays" if unacked == 1 else "stay"
        found.append(f"{counted(unacked, 'unacked message')} {stay} with the queue's consumers.")
    return [*found, consumers_sentence(row, reading)]


def purge_remarks(rows: Sequence[Queue]) -> list[str]:
    """Return what a purge of many queues loses, as last polled."""
    ready = sum(row.ready or 0 for row in rows)
    unacked = sum(row.unacked or 0 for row in rows)
    found = [f"Lost in all: {counted(ready, 'ready message')}, as last polled."]
    if unacked:
        stay = "stays" if unacked == 1 else "stay"
        found.append(f"{counted(unacked, 'unacked message')} {stay} with their consumers.")
    return [*found, *_unknown(rows)]


def delete_remarks(rows: Sequence[Queue]) -> list[str]:
    """Return what a deletion of many queues loses, as last polled."""
    total = sum(row.total or 0 for row in rows)
    used = sum(1 for row in rows if row.consumers)
    found = [
        f"Lost in all: {counted(total, 'message')}, as last polled, and every binding to these "
        "queues."
    ]
    if used:
        found.append(
            f"{counted(used, 'queue')} of them had consumers. Each loses its subscription."
        )
    return [*found, *_unknown(rows)]


def _unknown(rows: Sequence[Queue]) -> Iterable[str]:
    unknown = sum(1 for row in rows if row.total is None)
    if unknown:
        yield f"Queues with an unknown number of messages: {unknown:,}."


def dies(broker: Broker, key: Key, spec: Spec | None) -> list[str]:
    """Return what is lost with a queue: messages, consumers, bindings, and who refers to it."""
    row = (
        Queue.objects.present()
        .select_related("broker__status")
        .filter(broker=broker, vhost=key[0], name=key[1])
        .first()
    )
    if row is None:
        return ["What it holds is unknown: no inventory has seen it."]
    return losses(row)


def losses(row: Queue, reading: Reading | None = None, *, replaced: bool = False) -> list[str]:
    """Return what is lost with the queue of a mirror row. A live reading takes precedence.
    `replaced`: it is declared again, so what refers to it keeps its target."""
    ready, unacked, when = counted_now(row, reading)
    found: list[str] = []
    if ready is None or (unacked is None and row.type != "stream"):
        found.append("How many messages are lost is unknown: RabbitMQ hasn't counted them yet.")
    else:
        unacked = unacked or 0
        total = counted(ready + unacked, "message")
        found.append(f"Lost: {total} ({ready:,} ready, {unacked:,} unacked), as counted {when}.")
    found.append(consumers_sentence(row, reading))
    if not replaced:
        found += changed_for_others(QUEUE.name)(row.broker, (row.vhost, row.name), None)
    if row.depth_changed_at is not None:
        since = int((timezone.now() - row.depth_changed_at).total_seconds())
        found.append(f"Its number of messages last changed {ages_ago(since)}.")
    return found


def without_bindings(row: Queue) -> list[str]:
    """Return which bindings a replacement that doesn't carry them deletes."""
    if why := row.broker.status.why_unknown("bindings"):
        return [f"Which bindings are deleted with it is unknown. {why}"]
    rows = Binding.objects.filter(bindings_of((row.vhost, row.name)), broker=row.broker)
    number = rows.filter(vhost=row.vhost).count()
    if not number:
        return []
    verb = "is" if number == 1 else "are"
    return [f"Its {counted(number, 'binding')} {verb} deleted and not created again."]


def consumers_sentence(row: Queue, reading: Reading | None) -> str:
    """Return how many consumers the queue has, and which."""
    live = reading.now.consumers if reading is not None and reading.now is not None else None
    if live is None:
        if row.consumers is None:
            return "Whether it has consumers is unknown."
        return (
            f"It had {counted(row.consumers, 'consumer')} when they were last counted."
            if row.consumers
            else "It had no consumers when they were last counted."
        )
    if not live:
        return "It has no consumers."
    named = [f"{one.tag} of {one.user}" if one.user else one.tag for one in live[:_SOME]]
    more = " and more" if len(live) > _SOME else ""
    return f"It has {counted(len(live), 'consumer')}: {', '.join(named)}{more}."


def guard(broker: Broker, key: Key) -> Mapping[str, int]:
    """Return what a deletion is confirmed to lose, as last observed; {} if that is unknown."""
    found = Queue.objects.present().filter(broker=broker, vhost=key[0], name=key[1])
    total = found.values_list("total", flat=True).first()
    return {} if total is None else {"messages": total}


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M:%S} UTC"


def purge_guard(row: Any) -> Mapping[str, int]:
    """Return the ready messages that a purge is confirmed to lose; {} if unknown."""
    return {} if row.ready is None else {"messages_ready": row.ready}
