"""What people decide about a queue: whether it is a dead letter queue, and how often it is sampled."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accessctl.authorize import AnyUser, require
from accessctl.rights import Permission
from console.audit import record
from console.errors import InvalidField
from vhosts.models import DeadLetterSetting, Queue

#: What the pages offer; None: never.
EVERY: dict[int, str] = {
    300: "every 5 minutes",
    900: "every 15 minutes",
    3600: "every hour",
    21600: "every 6 hours",
    86400: "every day",
}


def mark_queue(
    queue: Queue, is_dead_letters: bool | None, *, acting_user: AnyUser, now: datetime
) -> None:
    """Say that it is a dead letter queue, or isn't; None: topology decides. Raises NotAllowed."""
    _require(queue, acting_user)
    _save(queue, acting_user, now, "dead_letters:mark", is_dead_letters=is_dead_letters)


def schedule_samples(
    queue: Queue, every_s: int | None, *, acting_user: AnyUser, now: datetime
) -> None:
    """Sample it by itself, in the person's name; None: never. Raises NotAllowed, InvalidField."""
    _require(queue, acting_user)
    require(acting_user, Permission.MESSAGES_VIEW, queue.broker, queue.vhost)
    if every_s is not None and every_s not in EVERY:
        raise InvalidField("every", "Choose how often the queue is sampled.")
    due = None if every_s is None else now + timedelta(seconds=every_s)
    _save(
        queue, acting_user, now, "dead_letters:schedule", sample_every_s=every_s, next_sample_at=due
    )


def _require(queue: Queue, user: AnyUser) -> None:
    require(user, Permission.QUEUES_VIEW, queue.broker, queue.vhost)
    require(user, Permission.MESSAGES_MOVE, queue.broker, queue.vhost)


def _save(queue: Queue, user: AnyUser, now: datetime, action: str, **values: Any) -> None:
    with transaction.atomic():
        row, _ = DeadLetterSetting.objects.select_for_update().get_or_create(
            broker=queue.broker, vhost=queue.vhost, queue=queue.name, defaults={"at": now}
        )
        before = {name: getattr(row, name) for name in values if name != "next_sample_at"}
        for name, value in values.items():
            setattr(row, name, value)
        row.at, row.author_name = now, user.get_username()
        row.author_id = user.pk
        if row.is_dead_letters is None and row.sample_every_s is None:
            row.delete()
        else:
            row.save()
        record(
            action, target_kind="queue", target=f"{queue.vhost} / {queue.name}", acting_user=user,
            broker=queue.broker, before=before, after={name: values[name] for name in before},
        )  # fmt: skip
