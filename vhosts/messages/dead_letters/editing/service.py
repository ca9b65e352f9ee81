"""Publish an edited copy of a dead letter, linked to its original, which stays in its queue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import Http404

from accessctl.authorize import AnyUser, require
from accessctl.rights import Permission
from console.errors import InvalidField
from console.rabbitmq.amqp.message import Message
from console.rabbitmq.amqp.properties.exact import exact
from console.rabbitmq.amqp.properties.fields import Typed
from console.rabbitmq.amqp.properties.fingerprint import fingerprint
from vhosts.messages.dead_letters.parsing.deaths import deaths_of
from vhosts.messages.dead_letters.replay.plan import Destination, destination_of
from vhosts.messages.dead_letters.sampling.look import look
from vhosts.messages.moving.running.outgoing import outgoing
from vhosts.messages.publishing.message import Draft, check_body
from vhosts.messages.publishing.model import PublishRequest
from vhosts.messages.publishing.send import publish
from vhosts.messages.publishing.where import place_for
from vhosts.messages.showing import reader_of, shown
from vhosts.models import EditedLetter, Queue
from vhosts.routing.message import PROPERTIES, check_name

#: Header of the copy: the fingerprint of its original.
EDITED = "x-warren-edited-from"
#: Header with the original's message ID.
ORIGINAL_ID = "x-warren-original-id"
#: Characters of a body that can be edited on a page.
MOST_TYPED = 500_000


@dataclass(frozen=True, slots=True)
class Original:
    """A dead letter that is there now, or why it can't be edited: one of `message`, `trouble` is set. `text`
    is its body, `exchange` and `key` where it was first published; None: unknown. `copies` were made before."""

    mark: str
    message: Message | None = None
    text: str = ""
    exchange: str | None = None
    key: str | None = None
    copies: int = 0
    trouble: str = ""


def require_edit(user: AnyUser, queue: Queue) -> None:
    """Raise NotAllowed unless the user may read payloads and publish there."""
    for right in (Permission.MESSAGES_VIEW, Permission.MESSAGES_READ, Permission.MESSAGES_PUBLISH):
        require(user, right, queue.broker, queue.vhost)


def original_of(queue: Queue, mark: str, *, acting_user: AnyUser, now: datetime) -> Original:
    """Look for the message with this fingerprint; all messages go back to the queue. Raises NotAllowed."""
    require_edit(acting_user, queue)
    found = look(queue, acting_user=acting_user, now=now, how="edit")
    if found.trouble:
        return Original(mark, trouble=found.trouble)
    message = next((one for one in found.messages if fingerprint(one) == mark), None)
    if message is None:
        return Original(mark, trouble="The message isn't among the first of the queue any more.")
    if why := _why_not(queue, message, acting_user):
        return Original(mark, trouble=why)
    at = destination_of(deaths_of(message.headers), Destination())
    copies = EditedLetter.objects.filter(broker=queue.broker, vhost=queue.vhost, original=mark)
    return Original(
        mark, message, message.body.decode(), at[0] if at else None, at[1] if at else None,
        copies.count(),
    )  # fmt: skip


def _why_not(queue: Queue, message: Message, user: AnyUser) -> str:
    """Return why a message can't be edited by this user; "" if it can."""
    if message.is_cut or message.size > MOST_TYPED:
        return "The body is too large to edit here."
    try:
        seen = shown(message, reader_of(user, queue.broker_id, queue.vhost))
    except Http404:
        return "You can't see messages here."
    if seen.payload is None:
        return seen.reason
    if seen.payload.masked or (not seen.payload.raw and message.body):
        return "Masking rules hide parts of the message from you, so you can't edit it."
    try:
        message.body.decode()
    except UnicodeDecodeError:
        return "The body isn't text in UTF-8."
    return ""


def publish_copy(
    queue: Queue,
    original: Original,
    *,
    exchange: str,
    key: str,
    body: str,
    acting_user: Any,
    token: str,
    now: datetime,
) -> PublishRequest:
    """Publish the copy at most once by `token`; return the request with its outcome.

    Properties and headers are the original's, but for what a replay changes too; two headers link to the
    original. Raises NotAllowed, InvalidField, ConsoleError.
    """
    require_edit(acting_user, queue)
    if original.message is None:
        raise InvalidField("body", original.trouble)
    check_name("exchange", exchange)
    check_name("routing_key", key)
    place = place_for(acting_user, queue.broker, queue.vhost)
    text = check_body(body.replace("\r\n", "\n").encode(), "body")
    draft = Draft(exchange=exchange, routing_key=key, body=text, **_kept(queue, original))
    request = publish(draft, place, actor=acting_user, key=f"edit-{token}", origin="page")
    EditedLetter.objects.get_or_create(
        request_id=request.pk,
        defaults={
            "broker": queue.broker, "vhost": queue.vhost, "queue": queue.name,
            "original": original.mark, "original_id": _message_id(original.message)[:255],
            "exchange": exchange, "routing_key": key,
            "author_name": acting_user.get_username(), "at": now,
        },
    )  # fmt: skip
    return request


def _kept(queue: Queue, original: Original) -> dict[str, Any]:
    """Return the properties and headers of the copy."""
    assert original.message is not None  # noqa: S101 – the caller checked
    given = outgoing(
        original.message, mark=f"edit {original.mark}", keep_expiration=True,
        username=queue.broker.username,
    )  # fmt: skip
    sent = exact(given)
    headers = dict(sent.fields)
    headers[EDITED] = Typed("S", original.mark)
    if said := _message_id(original.message):
        headers[ORIGINAL_ID] = Typed("S", said)
    values = {name: getattr(sent, name, None) for name in PROPERTIES}
    return {
        "properties": {n: v for n, v in values.items() if isinstance(v, str | int)},
        "headers": headers,
    }


def _message_id(message: Message) -> str:
    said = message.properties.message_id
    return said.replace("\0", "") if isinstance(said, str) else ""
