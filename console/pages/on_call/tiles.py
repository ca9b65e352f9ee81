"""Tiles of brokers: state, last hour, nodes, memory and disk, and what needs attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from console.faces.attention import Harm
from console.models import Broker, Environment
from console.models.broker_states import ANSWERING
from console.pages.attention.collect import LOOKS, Attention, Toll
from console.pages.on_call.curves import Curve, curve
from console.pages.on_call.trend import Trend

#: Brokers without problems stand after those with any.
_NO_HARM = len(Harm)
_NO_TREND = Trend()


@dataclass(frozen=True, slots=True)
class Gauge:
    """A value against its limit, in bytes, on one node: the node that is nearest to its limit.
    `share` and `mark` are percentages of the bar."""

    value: float
    limit: float
    node: str
    share: float
    mark: float | None
    danger: bool

    @property
    def tone(self) -> str:
        return "danger" if self.danger else "ok"


@dataclass(frozen=True, slots=True)
class Tile:
    broker: Broker
    state: str
    #: Why a figure may be missing.
    unknown: str
    vitals_old: bool
    depths_old: bool
    trend: Trend
    ready: Curve
    publish: Curve
    deliver: Curve
    #: For each node, whether it runs; empty if the nodes aren't known.
    pips: list[bool]
    memory: Gauge | None
    disk: Gauge | None
    toll: Toll

    @property
    def is_unknown(self) -> bool:
        """Whether the broker's figures aren't current."""
        return self.state not in ANSWERING

    @property
    def up(self) -> int:
        return sum(self.pips)

    @property
    def tone(self) -> str:
        return "" if self.toll.harm is None else LOOKS[self.toll.harm].tone

    @property
    def icon(self) -> str:
        if self.toll.harm is not None:
            return LOOKS[self.toll.harm].icon
        if self.state == "disabled":
            return "pause-circle"
        return "ellipsis-horizontal-circle" if self.is_unknown else "check-circle"


@dataclass(frozen=True, slots=True)
class TileGroup:
    environment: Environment
    tiles: list[Tile]

    @property
    def troubled(self) -> int:
        return sum(1 for tile in self.tiles if tile.toll.harm is not None)


def tile_groups(
    brokers: Sequence[Broker],
    trends: Mapping[int, Trend],
    attention: Attention,
    now: datetime,
    why_unknown: Mapping[str, str],
) -> list[TileGroup]:
    """Return the tiles by environment, production first, the worst harm first in each."""
    tiles = [
        _tile(one, trends.get(one.pk, _NO_TREND), attention, now, why_unknown) for one in brokers
    ]
    tiles.sort(key=_place)
    groups = [
        TileGroup(environment, [t for t in tiles if t.broker.environment == environment])
        for environment in Environment
    ]
    return [group for group in groups if group.tiles]


def _place(tile: Tile) -> tuple[Any, ...]:
    harm = _NO_HARM if tile.toll.harm is None else int(tile.toll.harm)
    return harm, tile.broker.attention, tile.broker.name  # type: ignore[attr-defined]


def _tile(
    broker: Broker, trend: Trend, attention: Attention, now: datetime, why: Mapping[str, str]
) -> Tile:
    status = broker.status
    state = status.shown_state(now)
    nodes = [node for node in status.nodes if isinstance(node, dict)] if status.vitals_at else []
    current = state in ANSWERING
    return Tile(
        broker=broker,
        state=state,
        unknown=why.get(state, "Not reported by the broker."),
        vitals_old=status.is_stale(status.vitals_at, now),
        depths_old=status.is_stale(status.depths_at, now),
        trend=trend,
        ready=curve(trend.ready, trend.peak or 0, base=21, height=19),
        publish=curve(trend.publish, trend.scale or 0, base=16, height=14),
        deliver=curve(trend.deliver, trend.scale or 0, base=16, height=-14),
        pips=[bool(node.get("running")) for node in nodes] if current else [],
        memory=_memory(nodes) if current else None,
        disk=_disk(nodes) if current else None,
        toll=attention.toll(broker),
    )


def _number(node: dict[str, Any], key: str) -> float | None:
    value = node.get(key)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _memory(nodes: Sequence[dict[str, Any]]) -> Gauge | None:
    """Return the memory of the node that uses most of its watermark."""
    found = None
    for node in nodes:
        used, limit = _number(node, "mem_used"), _number(node, "mem_limit")
        if not node.get("running") or used is None or not limit:
            continue
        share = min(100.0, 100 * used / limit)
        danger = node.get("mem_alarm") is True
        gauge = Gauge(used, limit, str(node.get("name")), share, None, danger)
        if found is None or (gauge.danger, gauge.share) > (found.danger, found.share):
            found = gauge
    return found


def _disk(nodes: Sequence[dict[str, Any]]) -> Gauge | None:
    """Return the free disk of the node that has least above its limit. RabbitMQ doesn't tell the
    disk's size: the bar ends at ten times the limit, with a mark at the limit."""
    found = None
    for node in nodes:
        free, limit = _number(node, "disk_free"), _number(node, "disk_free_limit")
        if not node.get("running") or free is None or not limit:
            continue
        danger = node.get("disk_free_alarm") is True
        gauge = Gauge(
            free, limit, str(node.get("name")), min(100.0, 10 * free / limit), 10.0, danger
        )
        if found is None or gauge.value / gauge.limit < found.value / found.limit:
            found = gauge
    return found
