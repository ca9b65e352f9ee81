from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from console.local.demo.play import PLAYERS, Billing, Consumer, Producer, topology
from console.local.folder import CHECKOUT

pytestmark = [pytest.mark.faults, pytest.mark.slow]


@pytest.fixture(scope="module")
def demo_vhost(live_broker):
    """Nothing of the demo before and after: its users are the node's, not the vhost's."""
    for name in (topology.VHOST, topology.LEARN_VHOST):
        live_broker.forget("vhosts", name)
    yield topology.VHOST
    for name in (topology.VHOST, topology.LEARN_VHOST):
        live_broker.forget("vhosts", name)
    for name in topology.USERS:
        live_broker.forget("users", name)


def amqp_url(live_broker):
    parameters = live_broker.amqp_parameters()
    return (
        f"amqp://{live_broker.username}:{live_broker.password}@{parameters.host}:{parameters.port}"
    )


def until(question, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return answer


def test_every_player_has_its_exchange_or_queue():
    for player in PLAYERS:
        if isinstance(player, Consumer | Billing):
            assert player.queue in topology.QUEUES
        elif player.exchange:
            assert player.exchange in topology.EXCHANGES
        else:
            assert set(player.routing_keys) <= set(topology.QUEUES)


def test_the_names_fit_into_rabbitmqs_limit():
    assert max(len(name.encode()) for name in topology.ODD_NAMES) == 254


def test_messages_really_flow_and_it_stops_when_asked(live_broker, demo_vhost):
    base = live_broker.url.replace("://", f"://{live_broker.username}:{live_broker.password}@")
    demo = subprocess.Popen(
        [sys.executable, "-m", "console.local.demo.play"],
        env=os.environ | {"RABBITMQ_URL": base, "RABBITMQ_AMQP_URL": amqp_url(live_broker)},
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert "producers and consumers are running" in demo.stdout.readline()
        consumers = sum(isinstance(player, Consumer | Billing) for player in PLAYERS)
        producers = sum(isinstance(player, Producer) for player in PLAYERS)

        def queues():
            return live_broker.call("GET", "queues", demo_vhost)

        assert {queue["name"] for queue in queues()} == set(topology.QUEUES)
        assert until(lambda: sum(queue.get("consumers", 0) for queue in queues()) == consumers)
        assert until(
            lambda: (
                len(
                    [
                        c
                        for c in live_broker.call("GET", "connections")
                        if c.get("vhost") == demo_vhost
                    ]
                )
                == consumers + producers
            )
        )

        def reached(name):
            """Messages lie there, or have gone through between two looks."""
            queue = live_broker.call("GET", "queues", demo_vhost, name)
            return queue.get("messages") or queue.get("message_stats", {}).get("deliver_get")

        for name in ("logs.audit", "topic.everything", "orders.dead", "events"):
            assert until(lambda name=name: reached(name), seconds=60), name
    finally:
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(5) == 0
        demo.stdout.close()


def test_declaring_again_changes_no_password(live_broker, demo_vhost):
    base = live_broker.url.replace("://", f"://{live_broker.username}:{live_broker.password}@")
    topology.declare(base, amqp_url(live_broker), make_password=lambda: "first-one")
    before = live_broker.call("GET", "users", "demo-app")["password_hash"]
    topology.declare(base, amqp_url(live_broker), make_password=lambda: "second-one")
    assert live_broker.call("GET", "users", "demo-app")["password_hash"] == before


def test_without_a_node_it_says_who_starts_it():
    environment = {key: value for key, value in os.environ.items() if "RABBITMQ" not in key}
    done = subprocess.run(
        [sys.executable, "-m", "console.local.demo.play"],
        env=environment,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "bin/up --demo" in done.stderr
