"""`bin/up --demo`: run the examples of the RabbitMQ tutorials in the virtual host /test/4730.

Real producers and consumers, some slower than the incoming messages, so that depths rise and fall
within minutes. It runs only against the node that bin/up started, given in RABBITMQ_URL and
RABBITMQ_AMQP_URL, both with the login.
"""

from __future__ import annotations

import json
import math
import os
import random
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pika
import pika.exceptions
from pika.adapters.blocking_connection import BlockingChannel

from console.local.demo import topology

RETRY_SECONDS = 2.0


def swing(mean: float, amplitude: float, period: float, phase: float = 0.0) -> Callable[[], float]:
    """Return a rate (messages per second) that rises and falls with a period of `period` seconds."""
    return lambda: max(
        0.2, mean + amplitude * math.sin(2 * math.pi * (time.time() / period + phase))
    )


def steady(rate: float) -> Callable[[], float]:
    return lambda: rate


@dataclass(frozen=True)
class Producer:
    name: str
    exchange: str
    routing_keys: tuple[str, ...]
    rate: Callable[[], float]
    headers: tuple[dict[str, str], ...] = ({},)
    #: Returns a body of JSON by its number; None: text.
    text: Callable[[int], str] | None = None

    def run(self, channel: BlockingChannel) -> None:
        count = 0
        while True:
            count += 1
            channel.basic_publish(
                self.exchange,
                random.choice(self.routing_keys),  # noqa: S311 (an example, no secret)
                self._body(count).encode(),
                pika.BasicProperties(
                    delivery_mode=2,
                    content_type="application/json" if self.text else "text/plain",
                    message_id=f"{self.name}-{count}",
                    timestamp=int(time.time()),
                    headers=dict(random.choice(self.headers)),  # noqa: S311
                ),
            )
            # Also answers heartbeats, unlike a plain sleep.
            channel.connection.process_data_events(time_limit=1 / self.rate())

    def _body(self, count: int) -> str:
        if self.text is not None:
            return self.text(count)
        return f"{self.name} {count}: {'#' * random.randrange(200)}"  # noqa: S311


def _invoice(number: int) -> str:
    country = random.choice(("DE", "FR", "XI"))  # noqa: S311
    lines = [{"sku": "KT-4410", "qty": number % 3 + 1, "net": 18.4}]
    return json.dumps({"invoice_id": f"INV-{number}", "country": country, "lines": lines})


@dataclass(frozen=True)
class Consumer:
    name: str
    queue: str
    rate: Callable[[], float]
    #: The number of messages out of 100 that it rejects. They go to the dead-letter exchange, if
    #: any.
    refuses: int = 0
    prefetch: int = 1
    arguments: dict[str, Any] = field(default_factory=dict)

    def run(self, channel: BlockingChannel) -> None:
        channel.basic_qos(prefetch_count=self.prefetch)
        for method, _, _ in channel.consume(self.queue, arguments=self.arguments):
            channel.connection.process_data_events(time_limit=1 / self.rate())
            if random.randrange(100) < self.refuses:  # noqa: S311
                channel.basic_reject(method.delivery_tag, requeue=False)
            else:
                channel.basic_ack(method.delivery_tag)


@dataclass(frozen=True)
class Billing:
    """A consumer of invoices that fails now and then: it tries once more with the exception in a
    header, then rejects the message. With an `error_queue`, it moves the message there by itself."""

    name: str
    queue: str
    rate: Callable[[], float]
    errors: tuple[str, ...]
    error_queue: str = ""

    def run(self, channel: BlockingChannel) -> None:
        channel.basic_qos(prefetch_count=2)
        for method, properties, body in channel.consume(self.queue):
            channel.connection.process_data_events(time_limit=1 / self.rate())
            headers = properties.headers or {}
            if "x-exception-message" in headers:
                channel.basic_reject(method.delivery_tag, requeue=False)
                continue
            if random.randrange(100) < 12:  # noqa: S311
                error = random.choice(self.errors)  # noqa: S311
                of_type, text = error.split(": ", 1)
                properties.headers = {
                    **headers,
                    **(
                        {"MT-Fault-ExceptionType": of_type, "MT-Fault-Message": text}
                        if self.error_queue
                        else {"x-exception-type": of_type, "x-exception-message": text}
                    ),
                }
                channel.basic_publish("", self.error_queue or self.queue, body, properties)
            channel.basic_ack(method.delivery_tag)


LEVELS = ("info", "warning", "error", "critical")
Player = Producer | Consumer | Billing
PLAYERS: tuple[Player, ...] = (
    # Work queue: two workers handle five messages a second, and up to nine arrive.
    Producer("new-task", "", ("task_queue",), swing(5, 4, 180)),
    Consumer("worker-1", "task_queue", steady(3)),
    Consumer("worker-2", "task_queue", steady(2)),
    # Publish/subscribe: the archive keeps up only at times, and nobody reads the audit queue.
    Producer("emit-log", "logs", ("",), swing(3, 2, 120, 0.3)),
    Consumer("receive-logs", "logs.console", steady(20), prefetch=20),
    Consumer("archive", "logs.archive", swing(3, 2.8, 300), prefetch=10),
    # Topics.
    Producer(
        "emit-log-topic",
        "topic_logs",
        tuple(f"{place}.{level}" for place in ("kern", "cron", "auth") for level in LEVELS),
        swing(4, 3, 90),
    ),
    Consumer("kernel", "topic.kern", steady(1.4), prefetch=5),
    Consumer("pager", "topic.critical", steady(1.2)),
    # Headers.
    Producer(
        "print-jobs",
        "documents",
        ("",),
        steady(2),
        headers=(
            {"format": "pdf", "type": "report"},
            {"format": "zip", "type": "report"},
            {"format": "pdf", "type": "letter"},
        ),
    ),
    Consumer("printer", "documents.pdf-reports", steady(0.6)),
    Consumer("mail-room", "documents.any-report", steady(2), prefetch=4),
    # Dead letters: some orders are rejected, some expire, and a slow consumer reads them.
    Producer("shop", "orders", ("order",), swing(3, 2.5, 150, 0.5)),
    Consumer("order-desk", "orders.incoming", steady(2.5), refuses=15, prefetch=3),
    Consumer("complaints", "orders.dead", swing(0.8, 0.7, 240), prefetch=2),
    # Invoices that fail with an exception in a header: dead letters to look at and to replay.
    Producer("invoicing", "orders", ("invoice",), steady(1), text=_invoice),
    Billing(
        "billing",
        "invoices",
        steady(3),
        ("TaxRateMissing: no rate for country XI", "HttpTimeout: POST /v2/pdf after 30 s"),
    ),
    Producer("labelling", "", ("labels",), steady(0.7), text=_invoice),
    Billing(
        "labels", "labels", steady(2), ("Shop.AddressException: unknown postcode",), "labels_error"
    ),
    # A quorum queue and a stream.
    Producer("payments", "", ("payments",), swing(2, 1.5, 100)),
    Consumer("ledger", "payments", steady(2), prefetch=10),
    Producer("events", "", ("events",), steady(2)),
    # Unusual names.
    Producer("odd", "", topology.ODD_NAMES, steady(0.5)),
)


def play(player: Player, url: str) -> None:
    """Run one player over its own connection, and reconnect when it is lost. Never returns."""
    parameters = pika.URLParameters(url)
    parameters.virtual_host = topology.VHOST
    parameters.client_properties = {"connection_name": f"demo: {player.name}"}
    while True:
        try:
            connection = pika.BlockingConnection(parameters)
            player.run(connection.channel())
        except (pika.exceptions.AMQPError, OSError) as error:
            print(f"{player.name}: {type(error).__name__}; retrying", flush=True)
        time.sleep(RETRY_SECONDS)


def main() -> int:
    url, amqp_url = os.environ.get("RABBITMQ_URL", ""), os.environ.get("RABBITMQ_AMQP_URL", "")
    if not url or not amqp_url:
        print("Start the demo with bin/up --demo.", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    topology.declare(url, amqp_url, make_password=lambda: secrets.token_urlsafe(24))
    for player in PLAYERS:
        threading.Thread(target=play, args=(player, amqp_url), name=player.name).start()
    print(f"{len(PLAYERS)} producers and consumers are running in {topology.VHOST}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
