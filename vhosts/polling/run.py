"""Run one poll of one broker, from its claim to its stored outcome.

Whatever the broker does is stored as an outcome and never raised. Only the console's own faults
are raised: Postgres is down, or an encryption key is missing in the settings.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.db import DataError

from console.brokers.connect import connect
from console.brokers.failover import UrlChoice
from console.errors import ConsoleError
from console.models import Broker, BrokerStatus
from console.rabbitmq.errors import (
    BrokerError,
    MalformedAnswer,
)
from vhosts.models import Poll
from vhosts.nodes.keep import keep_nodes
from vhosts.polling import dispatch
from vhosts.polling.depths.cache import scrapes
from vhosts.polling.depths.collect import (
    QUICK,
    DepthCollector,
    NoSource,
)
from vhosts.polling.depths.rows import Slot
from vhosts.polling.inventory import take as inventory
from vhosts.polling.outcomes import Seen, answered, failed
from vhosts.polling.rates.fallback import read_published
from vhosts.polling.rates.take import take_rates
from vhosts.polling.store import Fenced, Outcome, store
from vhosts.polling.vitals import read_vitals, sentence

log = structlog.get_logger(__name__)

#: A claim renewed less than this ago lasts long enough: see dispatch.LEASE and SLOW.
_HELD_S = 5


def poll(broker_id: int, claim: int, now: datetime) -> bool:
    """Poll the broker under `claim` and store the outcome. Return False, with nothing written, if
    the claim was lost or the broker was removed or disabled."""
    if not dispatch.hold_poll(broker_id, claim):
        return False
    status = BrokerStatus.objects.select_related("broker").filter(pk=broker_id).first()
    if status is None or not status.broker.enabled:
        return False
    broker = status.broker
    slot = Slot(broker_id, claim, status.slot_at or now, broker.poll_interval_s)
    began = time.monotonic()
    hold = _holder(broker_id, claim)
    seen: Seen | None = None
    choice = UrlChoice(broker, status, now)
    try:
        seen = choice.read(lambda url: _look(broker, status, url, choice, now, hold))
        choice.probe()
        outcome = answered(broker, status, seen, now)
        outcome.status.update(choice.columns())
    except BrokerError as error:
        outcome = failed(broker, status, error.code, sentence(error), error, now)
        outcome.status["urls_off"] = choice.off
    except ConsoleError as error:
        # The password is missing or can't be decrypted, so no call was sent.
        outcome = failed(broker, status, error.code, error.message, None, now)
    except Fenced:
        return False
    took = time.monotonic() - began
    outcome.poll.update(started_at=now, took_ms=round(took * 1000))
    if "answered_at" in outcome.status:
        outcome.status["poll_took_ms"] = round(took * 1000)
    ended = now + timedelta(seconds=took)
    try:
        try:
            store(slot, outcome, now=ended)
        except DataError:
            log.warning("poll_answer_unstorable", broker_id=broker_id, exc_info=True)
            unfit = MalformedAnswer("The answer contains values that can't be stored.")
            outcome = failed(broker, status, unfit.code, unfit.detail, unfit, now)
            outcome.poll.update(started_at=now, took_ms=round(took * 1000))
            store(slot, outcome, now=ended)
    except Fenced:
        log.info("poll_fenced", broker_id=broker_id, claim=claim)
        return False
    if seen is not None:
        keep_nodes(slot, seen.vitals.nodes, ended)
    _remember(slot, status, outcome, ended)
    if seen is not None:
        take_rates(slot, seen.for_rates(), ended)
    return True


def _holder(broker_id: int, claim: int) -> Callable[[], None]:
    began = time.monotonic()

    def hold() -> None:
        if time.monotonic() - began < _HELD_S:
            return
        if not dispatch.hold_poll(broker_id, claim):
            raise Fenced

    return hold


def _look(
    broker: Broker,
    status: BrokerStatus,
    url: str,
    choice: UrlChoice,
    now: datetime,
    hold: Callable[[], None],
) -> Seen:
    # Waiting for a URL that doesn't answer took its share of the claim.
    hold()
    with connect(broker, timeouts=QUICK, url=url) as client:
        collector = DepthCollector(broker, status, client, now)
        began = time.monotonic()
        with collector.ahead():
            overview = client.overview()
            choice.check(client, overview)
            answer_ms = round((time.monotonic() - began) * 1000)
            vitals = read_vitals(client, overview)
        hold()
        depths, failure = None, None
        try:
            depths = collector.collect(vitals, before=scrapes.get(broker.pk, status.depths_claim))
        except NoSource as error:
            failure = error.error
        published = None
        if depths is not None and not depths.counters:
            published = read_published(client, overview)
    return Seen(vitals, answer_ms, depths, failure, collector.sources_off, published)


def _remember(slot: Slot, status: BrokerStatus, outcome: Outcome, ended: datetime) -> None:
    depths = outcome.depths
    if depths is None:
        if outcome.nodes_changed:
            inventory.hurry(status, ended)
        return
    if depths.scrape is not None and depths.complete:
        scrapes.put(slot.broker_id, slot.claim, depths.scrape)
    rejected = len(depths.rejected)
    if (
        outcome.inventory_wanted
        or outcome.nodes_changed
        or (rejected and rejected != _rejected_before(slot))
    ):
        inventory.hurry(status, ended)


def _rejected_before(slot: Slot) -> int | None:
    """Return the count of the last complete poll. If it differs, the unreadable rows may be new
    queues."""
    before = Poll.objects.filter(broker_id=slot.broker_id, complete=True, slot_at__lt=slot.at)
    return before.order_by("-slot_at").values_list("rejected", flat=True).first()
