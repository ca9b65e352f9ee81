"""Turn a poll's result into columns of the broker's status and of the poll's row."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from console.brokers.twins import registered_twin
from console.models import Broker, BrokerStatus, PollState
from console.rabbitmq.cluster import running_plugins, view_of
from console.rabbitmq.errors import (
    AccessRefused,
    BrokerError,
    BrokerFailed,
    ConnectionLost,
    LoginRefused,
    MalformedAnswer,
    TimedOut,
)
from vhosts.polling import backoff
from vhosts.polling.depths.found import Depths
from vhosts.polling.inventory.quarantine import samples
from vhosts.polling.rates.fallback import Published
from vhosts.polling.rates.take import Read
from vhosts.polling.store import Outcome
from vhosts.polling.vitals import Vitals, sentence

log = structlog.get_logger(__name__)

#: Errors that often pass within seconds: only two in a row make a broker unreachable.
_PASSING = (ConnectionLost, TimedOut, BrokerFailed)


#: RabbitMQ comes with some 50 plugins and 10 types of exchanges.
_MOST_NAMES = 500


@dataclass(frozen=True)
class Seen:
    vitals: Vitals
    answer_ms: int
    depths: Depths | None
    depths_error: BrokerError | None
    sources_off: dict[str, Any]
    #: Rates of exchanges, if no counters were read beside the depths.
    published: Published | None = None

    def for_rates(self) -> Read:
        overview = self.vitals.overview
        return Read(
            self.depths,
            overview.rates_mode,
            overview.publish_rate,
            self.sources_off,
            self.published,
        )


def answered(broker: Broker, status: BrokerStatus, seen: Seen, now: datetime) -> Outcome:
    overview, depths = seen.vitals.overview, seen.depths
    view = view_of(seen.vitals.nodes)
    part_errors = {
        # Keep the inventory's own errors: it runs on its own schedule.
        **{part: text for part, text in status.part_errors.items() if part not in _OWN_PARTS},
        **seen.vitals.errors,
    }
    if seen.depths_error is not None:
        part_errors["depths"] = sentence(seen.depths_error)
    if depths is not None and depths.lacks_right:
        part_errors["rights"] = depths.lacks_right
    if registered_twin(
        _text(overview.cluster_name),
        [node.name for node in seen.vitals.nodes.items] if seen.vitals.nodes else [],
        besides=broker.pk,
    ):
        part_errors["duplicate"] = _DUPLICATE
    pinned = _pin(broker, status, overview.cluster_name, part_errors)
    columns: dict[str, Any] = {
        **_reached(status, now),
        **pinned,
        "part_errors": part_errors,
        "sources_off": seen.sources_off,
        "answer_ms": seen.answer_ms,
        "vitals_at": now,
        "rabbitmq_version": _short(overview.rabbitmq_version),
        "erlang_version": _short(overview.erlang_version),
        "cluster_name": _text(overview.cluster_name),
        "stats_enabled": overview.stats_enabled,
        "connections": overview.connections,
        "channels": overview.channels,
        "consumers": overview.consumers,
        "exchanges": overview.exchanges,
        "publish_rate": overview.publish_rate,
        "deliver_rate": overview.deliver_get_rate,
        "exchange_types": _names(overview.exchange_types),
        "plugins": _names(running_plugins(seen.vitals.nodes) or ()),
        "alarms": seen.vitals.alarms,
        "listeners": [
            {
                "node": listener.node,
                "protocol": listener.protocol,
                "address": listener.address,
                "port": listener.port,
            }
            for listener in overview.listeners
        ],
    }
    # If the nodes couldn't be read, the last ones would look current.
    nodes = seen.vitals.nodes
    columns["nodes"] = [] if nodes is None else [_node(node) for node in nodes.items]
    complete = depths is not None and depths.complete
    queues = None if depths is None else depths.queues + depths.untold
    return Outcome(
        status=columns,
        poll={
            "source": depths.source if depths else "",
            "complete": complete,
            "queues": queues,
            "rejected": len(depths.rejected) if depths else 0,
            "rejected_samples": samples(depths.rejected) if depths else [],
            "error_code": seen.depths_error.code if seen.depths_error else "",
            "error_detail": sentence(seen.depths_error) if seen.depths_error else "",
        },
        sample={
            "queues": queues if complete else overview.queues,
            "connections": overview.connections,
            "ready": depths.ready if depths and complete else None,
            "unacked": depths.unacked if depths and complete else None,
            "publish_rate": overview.publish_rate,
            "deliver_rate": overview.deliver_get_rate,
        },
        depths=depths,
        # When a node starts or stops, its queues change state.
        nodes_changed=bool(status.nodes) and view.known and view != status.cluster(),
    )


#: Parts whose errors a poll finds; the others belong to the inventory.
_OWN_PARTS = ("depths", "rights", "nodes", "alarms", "identity", "duplicate")

_DUPLICATE = (
    "Another broker that is registered here is the same cluster, by its name and nodes. Its queues and "
    "messages count twice in every total. Forget one of the two."
)


def _reached(status: BrokerStatus, now: datetime) -> dict[str, Any]:
    since = {} if status.state == PollState.REACHABLE else {"state_since": now}
    return {
        "state": PollState.REACHABLE,
        "answered_at": now,
        "failures": 0,
        "error_code": "",
        "error_detail": "",
        **since,
    }


def _pin(
    broker: Broker, status: BrokerStatus, name: str | None, part_errors: dict[str, str]
) -> dict[str, Any]:
    """Pin the cluster name as the broker's identity until a person edits its settings.

    A different name is reported as an error, and the history continues: it may be a rename or
    another broker.
    """
    name = _text(name)
    if not name:
        return {}
    if not status.pinned_cluster_name or status.pinned_generation != broker.generation:
        return {"pinned_cluster_name": name, "pinned_generation": broker.generation}
    if status.pinned_cluster_name != name:
        part_errors["identity"] = (
            f"This cluster's name is {name}; before, it was "
            f"{status.pinned_cluster_name}. If that is intended, save the broker's "
            "settings again to confirm."
        )
    return {}


def failed(
    broker: Broker,
    status: BrokerStatus,
    code: str,
    detail: str,
    error: BrokerError | None,
    now: datetime,
) -> Outcome:
    refused = error is None or isinstance(error, (LoginRefused, AccessRefused))
    failures = status.failures + 1
    state = PollState.REFUSED if refused else PollState.UNREACHABLE
    if isinstance(error, _PASSING) and failures == 1 and status.state == PollState.REACHABLE:
        state = PollState.REACHABLE
    delay = backoff.delay(
        failures, refused=refused, interval_s=broker.poll_interval_s, salt=broker.pk
    )
    columns: dict[str, Any] = {
        "state": state,
        "failures": failures,
        "error_code": code,
        "error_detail": detail[:2000].replace("\x00", "\ufffd"),
        "next_poll_at": now + delay,
    }
    if state != status.state:
        columns["state_since"] = now
    if isinstance(error, MalformedAnswer):
        log.info("poll_answer_unusable", broker_id=broker.pk, code=code)
    return Outcome(
        status=columns,
        poll={
            "source": "",
            "complete": False,
            "queues": None,
            "error_code": code,
            "error_detail": columns["error_detail"],
        },
    )


def _node(node: Any) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name in node.__slots__
        if name != "more"
        for value in [getattr(node, name)]
    }


def _names(names: Collection[str]) -> list[str] | None:
    """In order. None where the broker names none, or more than a broker has: no judging by a part of them."""
    return sorted({_text(name) for name in names}) if 0 < len(names) <= _MOST_NAMES else None


def _text(text: str | None) -> str:
    return (text or "").replace("\x00", "\ufffd")[:1000]


def _short(text: str | None) -> str:
    return _text(text)[:64]
