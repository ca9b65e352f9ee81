"""Compute rates from the counters of two polls and store them, after the depths were stored.

Nothing here costs a poll its depths: they are committed before. The counters are kept in Postgres,
because the next poll may run in another worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import Q

from console.models import BrokerStatus
from console.rabbitmq.prometheus.counters import Counters, pack, unpack
from console.rabbitmq.prometheus.labels import Spellings, spellings
from console.rabbitmq.prometheus.rates import NotComparable, Rates, rates_between
from vhosts.models import Exchange, Queue, RateCounters
from vhosts.polling.depths.collect import RATES
from vhosts.polling.depths.found import Depths
from vhosts.polling.depths.rows import Slot
from vhosts.polling.rates import rows
from vhosts.polling.rates.fallback import Published
from vhosts.polling.rates.queues import Traffic, store_queues
from vhosts.queues.health.judge import judge_queues

log = structlog.get_logger(__name__)

#: Polls closer together than this give rates that are mostly noise: the last ones stay.
_SHORTEST_S = 2.0

_NONE_MODE = (
    "RabbitMQ counts no messages per queue here: rates_mode is none in its management settings "
    "(management_agent.rates_mode). Set it to basic to see rates."
)
_NO_PLUGIN = (
    "Rates per queue come from RabbitMQ's Prometheus plugin, which this broker doesn't run or which "
    "can't be reached. Enable rabbitmq_prometheus on every node."
)
_NO_FAMILIES = (
    "The broker's Prometheus plugin reports no traffic, but the broker itself does. Its version may "
    "not report rates per queue."
)


@dataclass(frozen=True)
class Read:
    """What a poll read for rates. `depths` is None if it read none; `published` are exchanges' rates
    from the management API, None if not read."""

    depths: Depths | None
    rates_mode: str | None
    publish_rate: float | None
    sources_off: dict[str, dict[str, str]]
    published: Published | None = None


def take_rates(slot: Slot, read: Read, now: datetime) -> None:
    """Store the rates of this poll, and the growth and condition of queues. Never raises for what a
    broker sent; a failure of Postgres is logged and leaves the last rates, with their age."""
    try:
        _take(slot, read, now)
    except Exception:
        # The poll is stored already, and must not fail for its rates, whatever the plugin wrote or
        # Postgres refused. Rates that fail keep their age, which the pages show.
        log.exception("rates_failed", broker_id=slot.broker_id)
        # The depths changed, so the conditions did.
        judge_queues(slot.broker_id, now)


def _take(slot: Slot, read: Read, now: datetime) -> None:
    depths = read.depths
    counters = depths.counters if depths is not None else ()
    kept = RateCounters.objects.filter(pk=slot.broker_id).first()
    before = _unpacked(kept)
    too_soon = bool(counters) and _too_soon(before, counters)
    rates, why = (None, "") if too_soon else _rates(slot, read, before, counters)
    with transaction.atomic(), connection.cursor() as cursor:
        if not rows.hold(cursor, slot):
            return
        status: dict[str, Any] = {
            "scrape_bytes": depths.size if depths else None,
            "scrape_ms": depths.took_ms if depths else None,
            "scrape_rates_bytes": sum(one.size for one in counters) if counters else None,
        }
        traffic = None
        if not too_soon:
            since = kept.slot_at if kept is not None else None
            traffic = Traffic(rates if since is not None else None, since)
            known = traffic.rates is not None
            status.update(
                rates_at=now if known else None, rates_unknown="" if known else why[:2000]
            )
            if counters:
                RateCounters.objects.update_or_create(
                    broker_id=slot.broker_id,
                    defaults={"slot_at": slot.at, "packed": pack(counters)},
                )
        # Before the queues, which are judged by the age of the rates.
        BrokerStatus.objects.filter(pk=slot.broker_id).update(**status)
        store_queues(cursor, slot, traffic, depths_read=depths is not None, now=now)
        if traffic is not None and traffic.rates is not None:
            rows.store_exchanges(cursor, slot, traffic.rates)
        elif traffic is not None:
            rows.forget_exchanges(cursor, slot, read.published)


def _unpacked(kept: RateCounters | None) -> list[Counters]:
    if kept is None:
        return []
    try:
        return unpack(bytes(kept.packed))
    except (ValueError, KeyError, TypeError, StopIteration):
        return []  # of another version of the console


def _too_soon(before: list[Counters], after: tuple[Counters, ...]) -> bool:
    then = {one.node: one.read_at for one in before}
    return any(0 <= one.read_at - then.get(one.node, -1e9) < _SHORTEST_S for one in after)


def _rates(
    slot: Slot, read: Read, before: list[Counters], counters: tuple[Counters, ...]
) -> tuple[Rates | None, str]:
    """Return the rates, or None and why they are unknown."""
    if read.rates_mode == "none":
        return None, _NONE_MODE
    if not counters:
        return None, _why_no_counters(read)
    if read.publish_rate and not any(any(one.parts()) for one in counters):
        return None, _NO_FAMILIES
    queues: Spellings = {}
    exchanges: Spellings = {}
    if any(one.odd() for one in counters):
        queues = spellings(_odd_names(Queue, slot.broker_id))
        exchanges = spellings(_odd_names(Exchange, slot.broker_id), "exchange")
    try:
        found = rates_between(
            before, counters, queues=queues, exchanges=exchanges,
            longest_s=slot.lateness.total_seconds(),
        )  # fmt: skip
    except NotComparable as error:
        return None, str(error)
    return found, ""


def _why_no_counters(read: Read) -> str:
    depths = read.depths
    if depths is not None and depths.source == "prometheus":
        if depths.why_not_all:
            return f"Not every node gave its counters. {depths.why_not_all}"
        off = read.sources_off.get(RATES)
        why = off["reason"] if off else "They can't be read."
        return f"The Prometheus plugin gave depths, but no counters of messages. {why}"
    off = read.sources_off.get("prometheus")
    return f"{_NO_PLUGIN} {off['reason']}" if off else _NO_PLUGIN


def _odd_names(model: type[Queue] | type[Exchange], broker_id: int) -> list[tuple[str, str]]:
    odd = Q()
    for character in ('"', "\\"):
        odd |= Q(name__contains=character) | Q(vhost__contains=character)
    found = model._default_manager.filter(odd, broker=broker_id)
    return list(found.values_list("vhost", "name"))
