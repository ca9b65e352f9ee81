"""Read a broker's version and plugins for one plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from console.engine.applying.broker_objects import BrokerObjects
from console.engine.supported import version_said
from console.kinds.common.kind import Key
from console.kinds.refusals.versions import BrokerFacts, version_of
from console.models import Broker
from console.rabbitmq.errors import BrokerError


def read_facts(
    store: BrokerObjects,
    broker: Broker,
    said: str,
    other: Callable[[str, Key], Mapping[str, Any]],
) -> BrokerFacts:
    """Read the facts in two requests.

    `said` is the version in the definitions; if it has none, the version from the last poll is
    used. What the broker doesn't report, or its user may not read, is unknown.
    """
    version = said if version_of(said) else version_said(broker)
    return BrokerFacts(
        version=version_of(version),
        said=version if version_of(version) else "",
        exchange_types=_exchange_types(store),
        plugins=_applications(store),
        whole=True,
        other=other,
    )


def _exchange_types(store: BrokerObjects) -> frozenset[str] | None:
    try:
        row = store.get("overview", query={"columns": "exchange_types"})
    except BrokerError:
        return None
    found = _names(row.get("exchange_types") if isinstance(row, dict) else None)
    return found or None


def _applications(store: BrokerObjects) -> frozenset[str] | None:
    """Return the applications of every running node: the cluster can't do what one node lacks.
    None if unknown."""
    try:
        rows = store.get("nodes", query={"columns": "running,applications"})
    except BrokerError:
        return None
    running = [row for row in rows if isinstance(row, dict) and row.get("running") is True]
    told = [_names(row.get("applications")) for row in running]
    if not told or not all(told):
        return None
    return frozenset.intersection(*told)


def _names(rows: Any) -> frozenset[str]:
    if not isinstance(rows, list):
        return frozenset()
    return frozenset(
        row["name"] for row in rows if isinstance(row, dict) and isinstance(row.get("name"), str)
    )
