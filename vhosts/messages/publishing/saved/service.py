"""Saved messages: who sees, uses, changes and reads them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import Http404
from django.utils import timezone

from accessctl.authorize import AnyUser, may, may_over
from accessctl.reach import Place as Reached
from accessctl.reach import reach_of
from accessctl.rights import Permission
from console.audit import record
from console.errors import InvalidField, NotAllowed
from console.models import Broker
from console.rabbitmq.amqp.properties.fields import Typed
from vhosts.definitions.model import sealed, unsealed
from vhosts.messages.publishing.headers.values import as_json, read_headers
from vhosts.messages.publishing.message import DELAY_HEADER, Draft
from vhosts.messages.publishing.saved.model import MAX_NAME, MessageTemplate
from vhosts.messages.publishing.where import Place

#: Bytes of the body of a saved message: what the editor holds.
MOST_SAVED = 500_000
_HIDDEN = (
    "The payload and headers of this saved message are secret: only its owner, and those who may read "
    "messages there, get them."
)


@dataclass(frozen=True, slots=True)
class Content:
    """What of a saved message the person gets. `hidden`: why it has no headers and body; "" if it has
    them."""

    headers: dict[str, Typed] = field(default_factory=dict)
    body: bytes = b""
    hidden: str = ""


def visible_to(user: AnyUser) -> Any:
    """Return the saved messages of places where the user may publish, and those for all."""
    if not may(user, Permission.MESSAGES_PUBLISH):
        return MessageTemplate.objects.none()
    # A superuser's condition is empty, and "empty or …" would mean only what follows.
    here = Q(pk__gt=0) & reach_of(user).objects(Permission.MESSAGES_PUBLISH)
    return MessageTemplate.objects.filter(here | Q(broker=None)).select_related("broker__status")


def of_place(user: AnyUser, place: Place) -> Any:
    """Return those that fit a virtual host: its own, and those for all."""
    here = Q(broker=place.broker, vhost=place.vhost) | Q(broker=None)
    return visible_to(user).filter(here)


def access_template(user: AnyUser, template_id: int) -> MessageTemplate:
    """Raises Http404."""
    found: MessageTemplate | None = visible_to(user).filter(pk=template_id).first()
    if found is None:
        raise Http404("Saved message not found.")
    return found


def may_read(user: Any, found: MessageTemplate) -> bool:
    """Return whether the user gets the payload and headers."""
    if not found.secret or _owns(user, found):
        return True
    return _may_there(user, Permission.MESSAGES_READ, found.broker, found.vhost)


def may_change(user: Any, found: MessageTemplate) -> bool:
    """Return whether the user may overwrite and delete it. Who can't read it can't."""
    if not may_read(user, found):
        return False
    return _owns(user, found) or _may_there(
        user, Permission.MESSAGES_PUBLISH, found.broker, found.vhost
    )


def content_of(user: Any, found: MessageTemplate) -> Content:
    if not may_read(user, found):
        return Content(hidden=_HIDDEN)
    data = json.loads(unsealed(found.content_encrypted))
    return Content(read_headers(data["headers"]), base64.b64decode(data["body"]))


def save(
    draft: Draft, place: Place | None, *, name: str, body_format: str, secret: bool, actor: Any
) -> MessageTemplate:
    """Save the message for a place, or for all (None); one of the same name there is overwritten.
    The caller has authorized the place. Raises InvalidField, NotAllowed."""
    name = name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise InvalidField("name", f"Give it a name of up to {MAX_NAME} characters.")
    if len(draft.body) > MOST_SAVED:
        raise InvalidField("body", f"A saved message has at most {MOST_SAVED:,} bytes of body.")
    broker, vhost = (place.broker, place.vhost) if place else (None, "")
    content = {"headers": as_json(draft.headers), "body": base64.b64encode(draft.body).decode()}
    columns = {
        "secret": secret,
        "body_format": body_format,
        "message": {
            "exchange": draft.exchange,
            "routing_key": draft.routing_key,
            "properties": dict(draft.properties),
        },
        "content_encrypted": sealed(json.dumps(content).encode()),
        "updated_at": timezone.now(),
    }
    try:
        with transaction.atomic():
            here = MessageTemplate.objects.select_for_update().filter(
                broker=broker, vhost=vhost, name=name
            )
            found = here.first()
            if found is None:
                found = MessageTemplate.objects.create(
                    name=name, broker=broker, vhost=vhost, owner=actor,
                    owner_name=actor.get_username(), **columns,
                )  # fmt: skip
            elif not may_change(actor, found):
                raise NotAllowed("A saved message of this name belongs to somebody else.")
            else:
                here.update(**columns)
                found.refresh_from_db()
            _record("messages:template_save", found, actor)
    except IntegrityError:
        raise InvalidField("name", "Somebody saved a message of this name just now.") from None
    return found


def delete(found: MessageTemplate, actor: Any) -> None:
    """Raises NotAllowed."""
    if not may_change(actor, found):
        raise NotAllowed(
            "Only its owner, and those who may publish everywhere it is for, can delete it."
        )
    with transaction.atomic():
        _record("messages:template_delete", found, actor)
        found.delete()


def delay_of(headers: dict[str, Typed]) -> tuple[dict[str, Typed], str]:
    """Return the headers without the delay, and the delay as the form shows it."""
    delay = headers.get(DELAY_HEADER)
    if delay is None or delay.letter != "l":
        return headers, ""
    return {n: v for n, v in headers.items() if n != DELAY_HEADER}, str(delay.value)


def _owns(user: Any, found: MessageTemplate) -> bool:
    return found.owner_id is not None and found.owner_id == user.pk


def _may_there(user: AnyUser, right: Permission, broker: Broker | None, vhost: str) -> bool:
    return may_over(user, right, Reached()) if broker is None else may(user, right, broker, vhost)


def _record(action: str, found: MessageTemplate, actor: Any) -> None:
    record(
        action, target_kind="message_template", target=found.name, acting_user=actor,
        broker=found.broker, after={"vhost": found.vhost, "secret": found.secret},
    )  # fmt: skip
