"""A shovel that starts before its queue is there declares it, and of another type than the file says: queues of an
import come first."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import LiveBroker
from tests.faults.own_node import OwnNode
from tests.vhosts.test_definitions_import import Importer

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def _ports(live: LiveBroker) -> dict[str, int]:
    return {row["protocol"]: row["port"] for row in live.call("GET", "overview")["listeners"]}


def test_an_import_creates_the_queues_before_the_shovels_that_use_them(
    tmp_path: Any, make_broker: Any, superuser: Any, eventually: Any
) -> None:
    with OwnNode(tmp_path / "state", plugins=("rabbitmq_shovel",)) as node:
        live = LiveBroker(node.url)
        broker = make_broker(
            management_url=live.url, username=live.username, password=live.password
        )
        # The node answers before it listens for AMQP.
        port = eventually(lambda: _ports(live).get("amqp"))
        uri = f"amqp://{live.username}:{live.password}@127.0.0.1:{port}/sh"
        shovel = {
            "src-protocol": "amqp091", "src-uri": uri, "src-queue": "done_stream",
            "src-prefetch-count": 100, "dest-protocol": "amqp091", "dest-uri": uri,
            "dest-queue": "done",
        }  # fmt: skip
        stream = {"x-queue-type": "stream"}
        file = {
            "vhosts": [{"name": "sh"}],
            "permissions": [
                {
                    "user": live.username,
                    "vhost": "sh",
                    "configure": ".*",
                    "write": ".*",
                    "read": ".*",
                }
            ],
            "parameters": [{"component": "shovel", "vhost": "sh", "name": "done", "value": shovel}],
            "queues": [
                {"vhost": "sh", "name": "done_stream", "durable": True, "arguments": stream}
            ],
        }
        importer = Importer(broker, superuser)
        plan = importer.plan(file)
        assert plan.sound, [row.why for row in plan.rows]
        change = importer.do(file)
        assert change.state == "done", [step.error_detail for step in change.steps.all()]
        assert live.call("GET", "queues", "sh", "done_stream")["arguments"] == stream
