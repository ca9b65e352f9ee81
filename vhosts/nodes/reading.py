"""Read from a broker what is too expensive for each poll: a node's memory by part, and health checks."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from console.brokers.failover import must_be_same
from console.brokers.fresh import Reading, read_fresh
from console.models import Broker
from console.rabbitmq.endpoint import Timeouts
from console.rabbitmq.errors import AccessRefused, BrokerError, LoginRefused
from console.rabbitmq.http.exchange import must_be_json
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.management.objects import ObjectStore
from console.rabbitmq.management.paths import path
from console.rabbitmq.prometheus.nodes import ask_each
from console.rabbitmq.text import printable
from vhosts.nodes.model import Node

Result = Literal["ok", "failed", "warning", "skipped"]

#: What uses a node's memory, by RabbitMQ's name.
PARTS = {
    "connection_readers": "Connections: readers",
    "connection_writers": "Connections: writers",
    "connection_channels": "Connections: channels",
    "connection_other": "Connections: other",
    "queue_procs": "Classic queues",
    "queue_slave_procs": "Mirrors of classic queues",
    "quorum_queue_procs": "Quorum queues",
    "quorum_queue_dlx_procs": "Dead lettering of quorum queues",
    "quorum_ets": "Quorum queue tables",
    "stream_queue_procs": "Streams",
    "stream_queue_replica_reader_procs": "Streams: replica readers",
    "stream_queue_coordinator_procs": "Streams: coordinator",
    "metadata_store": "Metadata store (Khepri)",
    "metadata_store_ets": "Metadata store tables",
    "mnesia": "Metadata (Mnesia)",
    "msg_index": "Message index",
    "mgmt_db": "Management statistics",
    "metrics": "Metrics",
    "plugins": "Plugins",
    "binary": "Binaries (message bodies)",
    "code": "Code",
    "atom": "Atoms",
    "other_ets": "Other tables",
    "other_proc": "Other processes",
    "other_system": "Other system memory",
    "reserved_unallocated": "Reserved, not used",
    "allocated_unused": "Allocated, not used",
}


@dataclass(frozen=True, slots=True)
class Memory:
    """A node's memory by part: (label, bytes), the largest first. `total` is what RabbitMQ compares
    with the watermark; None: unknown."""

    parts: tuple[tuple[str, int], ...]
    total: int | None
    strategy: str = ""


def read_memory(node: Node, *, now: datetime) -> Reading[Memory]:
    """Return a recent shared reading. It costs the broker as much as several polls, so it's read on
    request only."""

    def ask(client: ManagementClient) -> Memory:
        said = ObjectStore(client.http).get("nodes", node.name, "memory").get("memory")
        return _memory(said if isinstance(said, dict) else {})

    return read_fresh(
        f"node-memory-{node.pk}",
        node.broker,
        ask,
        now=now,
        missing="The broker doesn't report this node's memory: it isn't running.",
    )


def _memory(said: dict[str, Any]) -> Memory:
    strategy = said.get("strategy")
    strategy = strategy if isinstance(strategy, str) else ""
    totals = said.get("total")
    # Up to 3.6 a number, since then one number for each way of counting.
    total = totals.get(strategy) if isinstance(totals, dict) else totals
    parts = [
        (PARTS.get(name, printable(name, 60)), value)
        for name, value in said.items()
        if name not in ("total", "strategy") and _is_count(value) and value > 0
    ]
    return Memory(
        tuple(sorted(parts, key=lambda part: -part[1])[:60]),
        total if _is_count(total) else None,
        printable(strategy, 40),
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


@dataclass(frozen=True, slots=True)
class Check:
    """A health check of the HTTP API. `of_node`: it's about the node that is asked, not the
    cluster."""

    name: str
    label: str
    segments: tuple[str, ...]
    good: str
    of_node: bool = True


CHECKS = (
    Check("alarms", "Alarms in the cluster", ("alarms",), "No node has an alarm.", of_node=False),
    Check("local-alarms", "Alarms on this node", ("local-alarms",), "The node has no alarm."),
    Check("certificates", "Certificates", ("certificate-expiration", "30", "days"),
          "No certificate of the node expires within 30 days."),
    Check("virtual-hosts", "Virtual hosts", ("virtual-hosts",), "All virtual hosts run on the node."),
    Check("amqp", "AMQP listener", ("protocol-listener", "amqp091"), "The node listens for AMQP 0-9-1."),
    Check("quorum-critical", "Quorum critical", ("node-is-quorum-critical",),
          "The node can stop: no quorum queue or stream would lose its majority."),
    Check("mirror-critical", "Mirror critical", ("node-is-mirror-sync-critical",),
          "The node can stop: no mirrored classic queue would lose its last synchronized replica."),
    Check("metadata", "Metadata store", ("metadata-store", "initialized", "with-data"),
          "The node's metadata store is initialized."),
    Check("leaders", "Quorum queues have leaders", ("quorum-queues-without-elected-leaders", "all-vhosts"),
          "Every quorum queue has a leader.", of_node=False),
    Check("in-service", "In service", ("is-in-service",), "The node takes client connections."),
    Check("ready", "Ready to serve clients", ("ready-to-serve-clients",), "The node serves clients."),
    Check("limit", "Connection limit", ("below-node-connection-limit",), "The node is below its connection limit."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CheckResult:
    """`sentence` says what was found; `names` are the objects that a failed check names."""

    check: Check
    outcome: Result
    sentence: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeChecks:
    """The checks that one management URL answered. `node` is "" and `why` a sentence if it couldn't
    be reached."""

    url: str
    node: str
    results: tuple[CheckResult, ...] = ()
    why: str = ""


#: Each check is quick, or the node is in trouble.
_TIMEOUTS = Timeouts(connect=1.5, read=3.0, total=3.0)
#: In seconds: after this, no more checks of a URL are begun, because somebody waits for the page.
_MOST_S = 8.0


def run_checks(broker: Broker, *, now: datetime) -> Reading[list[NodeChecks]]:
    """Run the health checks at each management URL of the broker. A node answers for itself only,
    so nodes without a URL aren't checked. Shared like all live readings."""

    def ask(client: ManagementClient) -> list[NodeChecks]:
        def at(url: str) -> NodeChecks:
            with ManagementClient(replace(client.endpoint, url=url, timeouts=_TIMEOUTS)) as of_node:
                return _checks_at(of_node, broker)

        urls = {url: url for url in broker.management_urls}
        told, failed = ask_each(urls, at)
        for error in failed.values():
            if isinstance(error, LoginRefused):
                raise error
        return [
            told[url] if url in told else NodeChecks(url, "", why=_why(failed[url])) for url in urls
        ]

    return read_fresh(
        "node-checks", broker, ask, now=now, missing="The broker has no health checks."
    )


def _checks_at(client: ManagementClient, broker: Broker) -> NodeChecks:
    overview, until = client.overview(), time.monotonic() + _MOST_S
    if client.endpoint.url != broker.management_url:
        must_be_same(broker.status, overview)
    results: list[CheckResult] = []
    for check in CHECKS:
        if time.monotonic() > until:
            results.append(CheckResult(check, "skipped", "Not run: the node answers too slowly."))
            continue
        try:
            results.append(_run(client, check))
        except LoginRefused:
            raise
        except AccessRefused as error:
            results.append(CheckResult(check, "skipped", _why(error)))
        except BrokerError as error:
            results.append(CheckResult(check, "warning", f"Not answered: {_why(error)}"))
    return NodeChecks(client.endpoint.url, printable(overview.node or "", 255), tuple(results))


def _run(client: ManagementClient, check: Check) -> CheckResult:
    answer = client.http.exchange("GET", path("health", "checks", *check.segments))
    if answer.ok:
        # A proxy's page isn't an answer.
        must_be_json(answer)
        return CheckResult(check, "ok", check.good)
    # For a path that it doesn't know, RabbitMQ looks for a file, and has none in JSON.
    if answer.status in (404, 406):
        return CheckResult(check, "skipped", "This version of RabbitMQ doesn't offer the check.")
    if answer.status in (401, 403):
        raise AccessRefused("The broker's user may not run this check.", status=answer.status)
    if answer.status != 503:
        return CheckResult(check, "warning", f"The broker answered with status {answer.status}.")
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        said = None
    said = said if isinstance(said, dict) else {}
    reason = said.get("reason")
    sentence = printable(reason, 300) if isinstance(reason, str) and reason else "The check failed."
    return CheckResult(check, "failed", sentence, _named(said))


def _named(said: dict[str, Any]) -> tuple[str, ...]:
    """Return names of what a failed check lists: queues, virtual hosts, alarms, certificates."""
    rows = next((value for value in said.values() if isinstance(value, list)), [])
    found = []
    for row in rows[:20]:
        if isinstance(row, dict):
            words = [
                row.get(key)
                for key in ("readable_name", "name", "resource", "node", "cert_file", "expires_on")
            ]
            text = " ".join(str(word) for word in words if isinstance(word, str | int))
        else:
            text = str(row)
        if text:
            found.append(printable(text, 200))
    return tuple(found)


def _why(error: BrokerError) -> str:
    return error.detail or error.summary
