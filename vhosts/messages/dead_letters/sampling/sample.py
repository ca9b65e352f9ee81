"""Read a sample of a queue's dead letters, and store the groups that it has. Never a payload.

Looking isn't free (redelivered flag, delivery count of quorum queues), so it happens only when somebody
requests it, or by a schedule that somebody set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accessctl.authorize import AnyUser, may, require
from accessctl.rights import Permission
from console.rabbitmq.amqp.message import Message
from vhosts.messages.dead_letters.parsing.grouping import Group, Letter, grouped, letter_of
from vhosts.messages.dead_letters.sampling.look import look
from vhosts.models import DeadLetterCount, DeadLetterGroup, DeadLetterSample, Queue

#: Groups that no sample has found for so long are deleted with their counts.
KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Sampled:
    """What came of it: a sentence for the person. `trouble` "" if the queue was read."""

    queue: Queue
    read: int = 0
    groups: int = 0
    trouble: str = ""


def require_sample(user: AnyUser, queue: Queue) -> None:
    """Raise NotAllowed unless the user may see messages' metadata there."""
    require(user, Permission.QUEUES_VIEW, queue.broker, queue.vhost)
    require(user, Permission.MESSAGES_VIEW, queue.broker, queue.vhost)


def sample_queue(queue: Queue, *, acting_user: AnyUser, now: datetime) -> Sampled:
    """Read up to MOST messages and return them all to the queue, then store their groups.

    Shapes of bodies are looked at only for somebody who may read payloads. Broker trouble is part of
    the result and stored. Raises NotAllowed.
    """
    require_sample(acting_user, queue)
    if queue.type == "stream":
        return _failed(queue, "Streams have no dead letters of their own to sample.", now)
    found = look(queue, acting_user=acting_user, now=now, how="dead letter sample")
    if found.trouble:
        return _failed(queue, found.trouble, now)
    shapes = may(acting_user, Permission.MESSAGES_READ, queue.broker, queue.vhost)
    letters = letters_of(found.messages, with_shapes=shapes)
    groups, left_out = grouped(letters)
    with transaction.atomic():
        _store(queue, letters, groups, left_out, found.ready, shapes, acting_user, now)
    return Sampled(queue, len(letters), len(groups))


def letters_of(messages: Sequence[Message], *, with_shapes: bool) -> list[Letter]:
    return [
        letter_of(message, position, with_shape=with_shapes)
        for position, message in enumerate(messages)
    ]


def _failed(queue: Queue, why: str, now: datetime) -> Sampled:
    note_trouble(queue, why, now)
    return Sampled(queue, trouble=why)


def note_trouble(queue: Queue, why: str, now: datetime) -> None:
    """Store why a sample failed; the last one stays."""
    DeadLetterSample.objects.update_or_create(
        broker=queue.broker, vhost=queue.vhost, queue=queue.name,
        defaults={"tried_at": now, "trouble": why[:500]},
    )  # fmt: skip


def _store(
    queue: Queue,
    letters: Sequence[Letter],
    groups: Mapping[str, Group],
    left_out: int,
    ready: int | None,
    shapes: bool,
    acting_user: AnyUser,
    now: datetime,
) -> None:
    place: dict[str, Any] = {"broker": queue.broker, "vhost": queue.vhost, "queue": queue.name}
    values: dict[str, Any] = {
        "tried_at": now, "trouble": "", "read_at": now, "read": len(letters), "ready": ready,
        "without_deaths": sum(letter.deaths.first is None for letter in letters),
        "left_out": left_out, "with_shapes": shapes, "author_name": acting_user.get_username(),
    }  # fmt: skip
    DeadLetterSample.objects.update_or_create(**place, defaults=values)
    own = DeadLetterGroup.objects.filter(**place)
    before = {f"{row.base}-{row.shape}": row for row in own.select_for_update()}
    rows = []
    for fingerprint, group in groups.items():
        old = before.pop(fingerprint, None)
        example = group.example
        rows.append(
            DeadLetterGroup(
                **place, base=example.base, shape=example.shape,
                origin=_storable(example.origin), reason=_storable(example.reason),
                exception_header=_storable(example.exception.header)[:255],
                exception=_storable(example.exception.text),
                exchange=None if group.exchange is None else _storable(group.exchange),
                routing_key=None if group.routing_key is None else _storable(group.routing_key),
                one_origin=group.one_origin, count=group.count, positions=group.positions,
                most_times=group.most_times, first_death_at=group.first_death_at,
                last_death_at=group.last_death_at,
                first_seen_at=old.first_seen_at if old else now, seen_at=now,
            )
        )  # fmt: skip
    stored = DeadLetterGroup.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["broker", "vhost", "queue", "base", "shape"],
        update_fields=[
            "origin", "reason", "exception_header", "exception", "exchange", "routing_key", "one_origin",
            "count", "positions", "most_times", "first_death_at", "last_death_at", "seen_at",
        ],
    )  # fmt: skip
    gone = [row for row in before.values() if row.count]
    own.filter(pk__in=[row.pk for row in gone]).update(count=0, positions=[])
    own.filter(count=0, seen_at__lt=now - KEPT).delete()
    DeadLetterCount.objects.bulk_create(
        [
            *(DeadLetterCount(group=row, at=now, count=row.count) for row in stored),
            *(DeadLetterCount(group=row, at=now, count=0) for row in gone),
        ],
        ignore_conflicts=True,
    )
    DeadLetterCount.objects.filter(group__in=stored, at__lt=now - KEPT).delete()


def _storable(text: str) -> str:
    """Return text that Postgres takes: without NUL and lone surrogates."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
