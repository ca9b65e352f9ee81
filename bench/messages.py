"""Measures how fast a job moves messages, next to a bare loop of pika.

    RABBITMQ_URL=http://user:password@host:port python -m bench.messages [--messages 5000]

Bare: get, publish with confirms, acknowledge, one message after the other, before and after the
console's part. Move: a job in the database of DATABASE_URL, run in this process, from lease to end.
Both between two durable queues of a virtual host of its own, with persistent messages of 1 KB.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from uuid import uuid4

import django
import pika

from bench.apply import Live, path

_BODY = b"x" * 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--types", nargs="+", default=["classic", "quorum"])
    given = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    django.setup()
    live = Live(os.environ["RABBITMQ_URL"])
    print(f"RabbitMQ {live.version()}, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}")  # fmt: skip
    for of_type in given.types:
        vhost = f"bench-{uuid4().hex[:6]}"
        live.run([("PUT", path("vhosts", vhost), {})])
        try:
            measure(os.environ["RABBITMQ_URL"], vhost, of_type, given.messages)
        finally:
            live.run([("DELETE", path("vhosts", vhost), None)])


def measure(url: str, vhost: str, of_type: str, number: int) -> float:
    """Print the rates and return that of the move relative to the bare loop."""
    from tests.conftest import LiveBroker

    parameters = LiveBroker(url).amqp_parameters(vhost)
    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()
    for name in ("a", "b"):
        channel.queue_declare(name, durable=True, arguments={"x-queue-type": of_type})
    rates = [bare(parameters, number)]
    channel.queue_purge("b")
    moved = move(url, vhost, parameters, number)
    channel.queue_purge("b")
    rates.append(bare(parameters, number))
    connection.close()
    ratio = moved / statistics.mean(rates)
    print(
        f"{number} messages, {of_type}: bare {rates[0]:.0f}/s and {rates[1]:.0f}/s, "
        f"move {moved:.0f}/s: {ratio:.2f} x bare"
    )
    return ratio


def fill(parameters: pika.ConnectionParameters, number: int) -> None:
    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()
    for count in range(number):
        headers = {"number": count, "from": "bench"}
        channel.basic_publish(
            "", "a", _BODY, pika.BasicProperties(delivery_mode=2, headers=headers)
        )
    connection.close()


def bare(parameters: pika.ConnectionParameters, number: int) -> float:
    """Return messages a second."""
    fill(parameters, number)
    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()
    channel.confirm_delivery()
    began = time.perf_counter()
    for _ in range(number):
        method, properties, body = channel.basic_get("a")
        channel.basic_publish("", "b", body, properties, mandatory=True)
        channel.basic_ack(method.delivery_tag)
    took = time.perf_counter() - began
    connection.close()
    return number / took


def move(url: str, vhost: str, parameters: pika.ConnectionParameters, number: int) -> float:
    """Return messages a second."""
    from django.contrib.auth import get_user_model

    from tests.conftest import LiveBroker
    from tests.factories import register_broker
    from vhosts.messages.moving.places import Place, Selection, Target
    from vhosts.messages.moving.running.run import run_job
    from vhosts.messages.moving.start import start_move

    live = LiveBroker(url)
    broker = register_broker(
        management_url=live.url, username=live.username, password=live.password,
        amqp_url=f"amqp://{parameters.host}:{parameters.port}",
    )  # fmt: skip
    person = get_user_model().objects.create_superuser(f"bench-{uuid4().hex[:8]}")
    fill(parameters, number)
    job = start_move(
        person, source=Place(broker, vhost, "a"), target=Target.queue(broker, vhost, "b"),
        mode="move", selection=Selection.all(),
    )  # fmt: skip
    began = time.perf_counter()
    run_job(str(job.pk), "bench")
    took = time.perf_counter() - began
    job.refresh_from_db()
    assert (job.state, job.confirmed) == ("done", number), job.note
    broker.delete()
    person.delete()
    return number / took


if __name__ == "__main__":
    main()
