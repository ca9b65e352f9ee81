"""Do over AMQP what a call of the management API asks: declare, delete, bind, unbind.

For exchanges, queues and bindings where a proxy lets no writes through or changes the path, or the
management API refuses the user. RabbitMQ checks the same permissions of the same user.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pika.adapters.blocking_connection import BlockingChannel
from pika.compat import long

from console.rabbitmq.amqp.connection import connected
from console.rabbitmq.endpoint import AmqpEndpoint
from console.rabbitmq.errors import BrokerError
from console.rabbitmq.management.calls import Call

_Do = Callable[[BlockingChannel], Any]


class ByAmqp:
    """The AMQP side of one broker. Safe to use from threads: each call has its own connection."""

    def __init__(self, endpoint: AmqpEndpoint) -> None:
        self._endpoint = endpoint

    def send(self, call: Call) -> bool:
        """Do what the call asks and return True. False, with nothing done, if AMQP has nothing like
        it or no connection could be opened. Raises BrokerError."""
        try:
            do = _method_of(call)
        except _NoSuchType:
            return False
        if do is None:
            return False
        with contextlib.ExitStack() as stack:
            try:
                endpoint = replace(self._endpoint, vhost=call.segments[1])
                channel = stack.enter_context(connected(endpoint)).channel()
            except BrokerError:
                return False
            do(channel)
        return True


def _method_of(call: Call) -> _Do | None:
    body, query = call.body or {}, call.query or {}
    arguments = _table(body.get("arguments") or {}, long)
    match call.method, *call.segments:
        case "PUT", "exchanges", _, name:
            return lambda channel: channel.exchange_declare(
                name,
                body.get("type", "direct"),
                durable=body.get("durable", True),
                auto_delete=body.get("auto_delete", False),
                internal=body.get("internal", False),
                arguments=arguments,
            )
        case "DELETE", "exchanges", _, name:
            unused = query.get("if-unused") == "true"
            return lambda channel: channel.exchange_delete(name, if_unused=unused)
        case "PUT", "queues", _, name if set(body) <= {"durable", "auto_delete", "arguments"}:
            return lambda channel: channel.queue_declare(
                name,
                durable=body.get("durable", True),
                auto_delete=body.get("auto_delete", False),
                arguments=arguments,
            )
        case "DELETE", "queues", _, name:
            return lambda channel: channel.queue_delete(
                name,
                if_unused=query.get("if-unused") == "true",
                if_empty=query.get("if-empty") == "true",
            )
        case "POST", "bindings", _, "e", source, ("q" | "e") as letter, destination:
            return _binding("bind", letter, source, destination, body)
        case "DELETE", "bindings", _, "e", source, ("q" | "e") as letter, destination, _ if (
            call.whole is not None
        ):
            return _binding("unbind", letter, source, destination, call.whole)
    return None


def _binding(verb: str, letter: str, source: str, destination: str, of: Any) -> _Do:
    method = f"{'queue' if letter == 'q' else 'exchange'}_{verb}"
    # The API writes whole numbers with 64 bits, clients mostly with 32, and its listings don't tell
    # which: RabbitMQ finds a binding only by the same type. To unbind what isn't there is no error.
    widths = (long, int) if verb == "unbind" else (long,)
    tables = [_table(of["arguments"], width) for width in widths]

    def do(channel: BlockingChannel) -> None:
        for table in tables:
            getattr(channel, method)(
                destination, source, routing_key=of["routing_key"], arguments=table
            )

    return do


class _NoSuchType(Exception):
    """pika has no way to send a value of this type."""


def _table(value: Any, width: type[int]) -> Any:
    """Return arguments as pika sends them, whole numbers as `width`. Raises _NoSuchType."""
    if isinstance(value, dict):
        return {name: _table(one, width) for name, one in value.items()}
    if isinstance(value, list):
        return [_table(one, width) for one in value]
    if isinstance(value, float):
        raise _NoSuchType
    return width(value) if isinstance(value, int) and not isinstance(value, bool) else value
