"""Keep what somebody read, encrypted, while they look at it.

Filtering, decoding with another schema and saving need the messages again, and reading them again
would cost the queue another look. So they are kept for some minutes: encrypted, for the session in
which they were read and for no other, in a table that no backup of Postgres contains.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.http import Http404

from accessctl.authorize import AnyUser
from console.rabbitmq.amqp.message import Message
from console.rabbitmq.amqp.properties.exact import ExactProperties, exact
from vhosts.definitions.model import sealed, unsealed
from vhosts.models import KeptMessages, Queue

KEPT_FOR = timedelta(minutes=15)


class _Row(msgspec.Struct, array_like=True):
    exchange: str
    routing_key: str
    redelivered: bool
    properties: bytes
    body: bytes
    whole_size: int | None


def keep(
    user: AnyUser,
    session_key: str,
    queue: Queue,
    messages: Sequence[Message],
    outcome: dict[str, Any],
    now: datetime,
) -> KeptMessages:
    """Keep the messages until KEPT_FOR has passed. What the session kept of this queue before is
    deleted."""
    rows = [
        _Row(
            one.exchange, one.routing_key, one.redelivered,
            exact(one.properties).encode()[0], one.body, one.whole_size,
        )
        for one in messages
    ]  # fmt: skip
    mine = {"reader_id": user.pk, "session": _digest(session_key), "queue_id": queue.pk}
    KeptMessages.objects.filter(**mine).delete()
    forget_expired(now)
    return KeptMessages.objects.create(
        **mine,
        broker=queue.broker,
        read_at=now,
        expires_at=now + KEPT_FOR,
        outcome=outcome,
        content_encrypted=sealed(msgspec.msgpack.encode(rows)),
    )


def kept_of(
    user: AnyUser, session_key: str, queue: Queue, kept_id: UUID, now: datetime
) -> KeptMessages:
    """Return what this person read in this session. Raises Http404 if it isn't theirs or has
    expired."""
    found = KeptMessages.objects.filter(
        pk=kept_id, reader_id=user.pk, session=_digest(session_key), queue_id=queue.pk,
        expires_at__gt=now,
    ).first()  # fmt: skip
    if found is None:
        raise Http404("These messages aren't kept any more.")
    return found


def messages_of(kept: KeptMessages) -> list[Message]:
    """Return the messages as they were read. Raises WrongEncryptionKey."""
    rows = msgspec.msgpack.decode(unsealed(kept.content_encrypted), type=list[_Row])
    return [
        Message(
            exchange=row.exchange,
            routing_key=row.routing_key,
            redelivered=row.redelivered,
            properties=ExactProperties(row.properties),
            body=row.body,
            whole_size=row.whole_size,
        )
        for row in rows
    ]


def forget_expired(now: datetime) -> None:
    """Delete what nobody may look at any more."""
    KeptMessages.objects.filter(expires_at__lte=now).delete()


def _digest(session_key: str) -> str:
    return hashlib.sha256(session_key.encode()).hexdigest()
