"""The one way to show a message: what a reader may see of it, decoded and masked.

Pages, API, exports, downloads and commands show a message only through `shown`, `raw` and
vhosts.messages.matching. Nothing else touches its body or headers.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

from django.http import Http404

from accessctl.authorize import AnyUser, may
from accessctl.rights import Permission
from console.models import Broker
from console.rabbitmq.amqp.message import Message
from console.rabbitmq.text import printable
from vhosts.messages.decoding.binary import dump
from vhosts.messages.decoding.decode import decode
from vhosts.messages.decoding.result import SHOWN_AT_MOST, Decoded
from vhosts.messages.decoding.schemas import Schema
from vhosts.messages.decoding.trees import written
from vhosts.messages.headers import Death, Row, deaths, header_rows, property_rows
from vhosts.messages.masking.masks import CannotMask, Masks, hide_in_body, hides_all
from vhosts.messages.masking.service import masks_of

__all__ = ["Death", "Payload", "Reader", "Reason", "Row", "Shown", "raw", "reader_of", "shown"]

_NEEDS_READ = "You can't read payloads here (requires messages:read)."
_NEEDS_EXPORT = "You can't export messages here (requires messages:export)."
_NOT_RAW = "The bytes of this payload aren't available to you, because masking rules apply to it."


@dataclass(frozen=True, slots=True)
class Reader:
    """What somebody may see of messages in one virtual host of a broker. Only `reader_of` makes
    one."""

    broker_id: int
    vhost: str
    reads: bool
    exports: bool
    masks: Masks = field(default=Masks(), repr=False)


@dataclass(frozen=True, slots=True)
class Payload:
    """The beginning of a body that the reader may see.

    `tried` has each decoder that failed, with the reason. `masked`: a rule hides a part of it. `raw`
    is a hex dump of its first bytes, "" if masking rules apply to it.
    """

    decoder: str
    text: str
    tried: tuple[tuple[str, str], ...] = ()
    truncated: bool = False
    masked: bool = False
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something isn't shown, as one sentence."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as its reader may see it. `size` is in bytes. `payload` is None with `reason` if
    they may not see the body."""

    exchange: str
    routing_key: str
    redelivered: bool
    properties: tuple[Row, ...]
    headers: tuple[Row, ...]
    deaths: tuple[Death, ...]
    size: int
    payload: Payload | None
    reason: str
    _message: Message = field(repr=False, compare=False)
    _reader: Reader = field(repr=False, compare=False)

    def exported(self) -> dict[str, Any] | Reason:
        """Return the message for a file, as values for JSON: `body` if its bytes are UTF-8,
        otherwise `body_base64`; with masks `body` is what they leave, and `masked` true. A reader
        who may not see the body gets `reason`. Reason if they may not export at all."""
        if not self._reader.exports:
            return Reason(_NEEDS_EXPORT)
        return {
            "exchange": self._message.exchange,
            "routing_key": self._message.routing_key,
            "redelivered": self.redelivered,
            "properties": {row.name: row.value for row in self.properties},
            "headers": {row.name: row.value for row in self.headers},
            "size": self.size,
            "masked": any(row.masked for row in (*self.headers, *self.properties)),
            **self._exported_body(),
        }

    def _exported_body(self) -> dict[str, Any]:
        bytes_of = raw(self._message, self._reader)
        if isinstance(bytes_of, bytes):
            try:
                return {"body": bytes_of.decode()}
            except UnicodeDecodeError:
                return {"body_base64": base64.b64encode(bytes_of).decode()}
        seen = read_body(self._message, self._reader)
        if isinstance(seen, Reason):
            return {"reason": seen.text}
        return {"body": seen.text, "masked": True}


def reader_of(actor: AnyUser, broker_id: int, vhost: str) -> Reader:
    """Return what the person may see of messages in a virtual host. Resolve it once for all
    messages of a page. Raises Http404 if they may see nothing of them."""
    broker = Broker.objects.visible_to(actor).filter(pk=broker_id).first()
    reads = broker is not None and may(actor, Permission.MESSAGES_READ, broker, vhost)
    if broker is None or not (reads or may(actor, Permission.MESSAGES_VIEW, broker, vhost)):
        raise Http404("Virtual host not found.")
    return Reader(
        broker_id=broker.pk,
        vhost=vhost,
        reads=reads,
        exports=may(actor, Permission.MESSAGES_EXPORT, broker, vhost),
        masks=masks_of(actor, broker, vhost),
    )


def shown(message: Message, reader: Reader, *, schema: Schema | None = None) -> Shown:
    """Return what the reader may see of the message. Never raises for a hostile message. `schema`
    is used unless masks apply to bodies: it could give fields other names than the masks know."""
    headers = header_rows(message, reader.masks)
    seen = read_body(message, reader, schema)
    return Shown(
        exchange=printable(message.exchange, 255),
        routing_key=printable(message.routing_key, 255),
        redelivered=message.redelivered,
        properties=property_rows(message, reader.masks),
        headers=headers,
        deaths=deaths(headers),
        size=message.size,
        payload=None if isinstance(seen, Reason) else _payload(message, reader, seen),
        reason=seen.text if isinstance(seen, Reason) else "",
        _message=message,
        _reader=reader,
    )


def raw(message: Message, reader: Reader) -> bytes | Reason:
    """Return the body's bytes for a download, or why the reader may not have them: without
    messages:read and messages:export, and where masks hide something or it isn't plain JSON, so
    that they might."""
    if not reader.reads:
        return Reason(_NEEDS_READ)
    if not reader.exports:
        return Reason(_NEEDS_EXPORT)
    seen = read_body(message, reader)
    if isinstance(seen, Reason):
        return seen
    return message.body if _is_open(seen, reader) else Reason(_NOT_RAW)


@dataclass(frozen=True, slots=True)
class SeenBody:
    """All of a body that a reader may see, as text."""

    decoded: Decoded
    text: str
    masked: bool = False


def read_body(message: Message, reader: Reader, schema: Schema | None = None) -> SeenBody | Reason:
    """Return all that the reader may see of the body, or why they may see nothing."""
    if not reader.reads:
        return Reason(_NEEDS_READ)
    masks = reader.masks
    if hides_all(masks):
        return Reason("A masking rule hides payloads here.")
    decoded = decode(
        message.body,
        str(message.properties.content_type or ""),
        str(message.properties.content_encoding or ""),
        None if masks.body else schema,
    )
    if not masks.body:
        return SeenBody(decoded, decoded.text)
    if not decoded.is_tree:
        why = decoded.tried[0][1] if decoded.tried else "it isn't JSON"
        return Reason(
            "Masking rules apply to payloads here, and this one can't be read as JSON "
            f"({printable(why)}). So it isn't shown."
        )
    try:
        tree, hidden = hide_in_body(decoded.tree, masks)
    except CannotMask as failed:
        return Reason(f"Masking rules apply to payloads here, and {failed}. So it isn't shown.")
    return SeenBody(decoded, written(tree) if hidden else decoded.text, hidden)


def _payload(message: Message, reader: Reader, seen: SeenBody) -> Payload:
    return Payload(
        decoder=seen.decoded.decoder,
        text=seen.text[:SHOWN_AT_MOST],
        tried=seen.decoded.tried,
        truncated=seen.decoded.cut or len(seen.text) > SHOWN_AT_MOST,
        masked=seen.masked,
        raw=dump(message.body) if _is_open(seen, reader) else "",
    )


def _is_open(seen: SeenBody, reader: Reader) -> bool:
    """Return whether the reader may have the very bytes. Packed bodies may contain more than what
    was unpacked, other formats more than their tree."""
    if not reader.masks.body:
        return True
    return not seen.masked and seen.decoded.kind == "JSON" and not seen.decoded.layers
