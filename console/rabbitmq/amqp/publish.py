"""Publish messages so that what became of each is known: confirmed, returned, refused or unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pika
from pika import exceptions
from pika.adapters.blocking_connection import BlockingChannel

from console.rabbitmq.amqp.connection import FOREIGN, mapped
from console.rabbitmq.text import printable

#: Reply codes with which RabbitMQ ends a connection because it can't read the message: nothing of
#: it was routed.
_UNREADABLE = frozenset({501, 502, 503, 504, 505, 530, 540})
_INTERNAL = 541
#: Bytes of a header frame besides the properties: frame header and end, class, weight, size.
_AROUND = 8 + 12
#: What AMQP 0-9-1 allows every peer to send in one frame.
_LEAST_FRAME = 4096


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message.

    confirmed: the broker has it in queues (or an exchange that stores messages). returned: no queue
    got it. refused: the broker didn't take it. unknown: it was sent, and the answer was lost: it
    may have arrived. `code` and `text`: the broker's reply, if it gave one.
    """

    state: Literal["confirmed", "returned", "refused", "unknown"]
    code: int | None = None
    text: str = ""


class Sender:
    """Sends messages over one connection, one after the other. `broken` is set once the connection
    can't be used any more."""

    def __init__(self, connection: pika.BlockingConnection, host: str) -> None:
        self._connection, self._host = connection, host
        self._channel: BlockingChannel | None = None
        self.broken = False

    def prepare(self) -> None:
        """Open a channel with confirms, unless one is open. Nothing is sent before. Raises what the
        connection's block maps to BrokerError."""
        if self._channel is None or not self._channel.is_open:
            self._channel = self._connection.channel()
            self._channel.confirm_delivery()

    def too_large(self, properties: pika.BasicProperties) -> str:
        """Return why the properties can't be sent on this connection; "" if they can. AMQP carries
        them in one frame, and a larger one ends the connection."""
        most = max(self._connection._impl.params.frame_max or 0, _LEAST_FRAME)
        size = sum(map(len, properties.encode())) + _AROUND
        if size <= most:
            return ""
        return (
            f"The headers and properties take {size:,} bytes; this broker accepts {most:,} bytes for them "
            "(frame_max)."
        )

    def send(
        self,
        exchange: str,
        routing_key: str,
        properties: pika.BasicProperties,
        body: bytes,
        *,
        mandatory: bool = True,
    ) -> Outcome:
        """Send the message once and return what became of it. Call `prepare` before. Never raises:
        from here on the message may have arrived."""
        channel = self._channel
        assert channel is not None  # noqa: S101 – prepare has opened it
        try:
            channel.basic_publish(exchange, routing_key, body, properties, mandatory=mandatory)
        except exceptions.UnroutableError as error:
            method = error.messages[0].method
            return Outcome("returned", method.reply_code, printable(method.reply_text))
        except exceptions.NackError:
            return Outcome("refused", None, "")
        except exceptions.ChannelClosedByBroker as error:
            state: Literal["refused", "unknown"] = (
                "unknown" if error.reply_code == _INTERNAL else "refused"
            )
            return Outcome(state, error.reply_code, printable(error.reply_text))
        except exceptions.ConnectionClosedByBroker as error:
            self.broken = True
            state = "refused" if error.reply_code in _UNREADABLE else "unknown"
            return Outcome(state, error.reply_code, printable(error.reply_text))
        except Exception as error:  # whatever it is, the message may be on the broker
            self.broken = True
            known = mapped(error, self._host) if isinstance(error, FOREIGN) else None
            return Outcome("unknown", None, (known.detail or known.summary) if known else "")
        return Outcome("confirmed")
