"""The examples as programs with pika, to copy. AMQP_URL names the broker, user and virtual host."""

from __future__ import annotations

from collections.abc import Mapping

from vhosts.messages.learning.examples import Example

_CONNECT = """\
import os

import pika

connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
channel = connection.channel()
"""
_SEND = """\
channel.confirm_delivery()  # basic_publish then raises if no queue takes the message
channel.basic_publish({exchange!r}, {key!r}, {body!r}.encode(), {properties}mandatory=True)
connection.close()
"""
_RECEIVE = """\


def on_message(channel, method, properties, body):
    print(method.routing_key, body.decode())
    channel.basic_ack(method.delivery_tag)


channel.basic_qos(prefetch_count=1)
channel.basic_consume({queue!r}, on_message)
channel.start_consuming()
"""
_SERVE = """\


def on_request(channel, method, properties, body):
    channel.basic_publish(
        "",
        properties.reply_to,
        body.upper(),
        pika.BasicProperties(correlation_id=properties.correlation_id),
    )
    channel.basic_ack(method.delivery_tag)


channel.basic_qos(prefetch_count=1)
channel.basic_consume({queue!r}, on_request)
channel.start_consuming()
"""
_CALL = """\
import uuid

request = str(uuid.uuid4())


def on_reply(channel, method, properties, body):
    if properties.correlation_id == request:
        print(body.decode())
        channel.stop_consuming()


channel.basic_consume("amq.rabbitmq.reply-to", on_reply, auto_ack=True)
channel.basic_publish(
    "",
    {queue!r},
    {body!r}.encode(),
    pika.BasicProperties(reply_to="amq.rabbitmq.reply-to", correlation_id=request),
    mandatory=True,
)
channel.start_consuming()
connection.close()
"""
_OWN_QUEUE = """\
# Instead of reading an existing queue, a program can bind one of its own, which is deleted with it:
#   queue = channel.queue_declare("", exclusive=True).method.queue
#   channel.queue_bind(queue, {exchange!r}, {key!r}{arguments})
"""


def code_of(example: Example) -> Mapping[str, str]:
    """Return programs by title: one that sends, one that receives."""
    first = example.choices[0]
    queue = example.panes[0].queue
    if example.calls:
        return {
            "Server": _CONNECT + _SERVE.format(queue=queue),
            "Caller": _CONNECT + _CALL.format(queue=queue, body=first.body),
        }
    properties = f"pika.BasicProperties(headers={dict(first.headers)!r}), " if first.headers else ""
    sends = _CONNECT + _SEND.format(
        exchange=example.exchange, key=first.key, body=first.body, properties=properties
    )
    receives = _CONNECT
    if example.exchange:
        arguments = f", {dict(first.headers)!r}" if first.headers else ""
        receives += _OWN_QUEUE.format(exchange=example.exchange, key=first.key, arguments=arguments)
    return {"Send": sends, "Receive": receives + _RECEIVE.format(queue=queue)}
