"""Receive messages of any size in bounded memory: of a longer body, only its beginning is kept."""

from __future__ import annotations

from typing import Any

import pika
from pika import exceptions, frame
from pika.adapters.blocking_connection import BlockingChannel
from pika.channel import ContentFrameAssembler

from console.rabbitmq.amqp.message import Message


def bound_bodies(channel: BlockingChannel, most: int) -> Bodies:
    """Keep at most `most` bytes of each body that the channel receives from here on.

    AMQP can't ask for a part of a message: the rest crosses the network and is dropped frame by
    frame. pika has no public name for the place; tests/adapter/test_peek.py guards it.
    """
    bodies = Bodies(most)
    channel._impl._content_assembler = bodies
    return bodies


class Bodies(ContentFrameAssembler):  # type: ignore[misc]
    """Assembles frames to messages, each with at most `most` bytes of body."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        #: Bytes of all bodies that arrived, kept or not.
        self.received = 0
        self._kept = 0
        self._sizes: list[int] = []

    def message(self, method: Any, properties: pika.BasicProperties, body: bytes) -> Message:
        """Return the oldest message received that this wasn't called for yet."""
        size = self._sizes.pop(0)
        return Message(
            exchange=_name(method.exchange),
            routing_key=_name(method.routing_key),
            redelivered=method.redelivered,
            properties=properties,
            body=body,
            whole_size=None if size == len(body) else size,
        )

    def _handle_body_frame(self, body_frame: frame.Body) -> Any:
        piece = body_frame.fragment
        self._seen_so_far += len(piece)
        self.received += len(piece)
        if (room := self.most - self._kept) > 0:
            self._body_fragments.append(piece[:room])
            self._kept += min(room, len(piece))
        size = self._header_frame.body_size  # type: ignore[union-attr]
        if self._seen_so_far > size:
            raise exceptions.BodyTooLongError(self._seen_so_far, size)
        return self._finish() if self._seen_so_far == size else None

    def _finish(self) -> Any:
        self._kept = 0
        self._sizes.append(self._header_frame.body_size)  # type: ignore[union-attr]
        return super()._finish()


def weight(message: Message) -> int:
    """Return the bytes of the message that are held: its body, as far as kept, and its properties."""
    return len(message.body) + sum(map(len, message.properties.encode()))


def _name(said: str | bytes) -> str:
    """Return a name as text; pika leaves one that isn't UTF-8 as bytes."""
    return said.decode("utf-8", "backslashreplace") if isinstance(said, bytes) else said
