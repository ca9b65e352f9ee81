"""Mirror what is declared on a broker: virtual hosts, queues, users, permissions.

Inventories run less often than polls and under their own claim, so that a long one delays no poll.
Each part is read and stored separately. If a part fails, `part_errors` says why and its rows stay.
Rows are dropped only after a complete listing. If many are missing at once (an erased node, a user
that lost its rights, another broker at the address), a second listing must confirm it.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import DataError, transaction

from console.brokers.connect import connect
from console.errors import ConsoleError
from console.models import Broker, BrokerStatus
from console.rabbitmq.errors import AccessRefused, BrokerError, LoginRefused
from console.rabbitmq.management.client import ManagementClient
from vhosts.diagnosis.report import take_report
from vhosts.federation.links import LINKS, take_links
from vhosts.nodes.certificates import take_certificates
from vhosts.noise.mark import mark_noise
from vhosts.polling import dispatch
from vhosts.polling.depths.collect import SLOW
from vhosts.polling.depths.consumers import take_consumers
from vhosts.polling.depths.streams import take_stream_depths
from vhosts.polling.inventory.drift import note_part
from vhosts.polling.inventory.gone import gone_since
from vhosts.polling.inventory.mirror import Mirrored, lay_over
from vhosts.polling.inventory.node_watch import NodeWatch
from vhosts.polling.inventory.parts import Part, can_tell_absence, parts
from vhosts.polling.inventory.quarantine import MOST_NAMED, unfit_rows, why_unfit
from vhosts.polling.inventory.read_back import read_back_since
from vhosts.polling.inventory.sight import Sight
from vhosts.polling.rights import refused
from vhosts.polling.store import Fenced
from vhosts.polling.vitals import sentence
from vhosts.queues.health.limits import note_health

log = structlog.get_logger(__name__)

#: The pause after an inventory is at least this many times as long as the inventory took.
_TAKES_AT_MOST = 50
#: The same for an inventory requested early because queues appeared or vanished.
_HURRIED_AT_MOST = 10
_HURRIED_LEAST_S = 5
#: While nodes are down, the pause is that of an early inventory, and at least this.
_DEGRADED_S = 10


def take(broker_id: int, claim: int, now: datetime) -> bool:
    """Take the broker's inventory under `claim`. Return False if the claim was lost or the broker
    was removed. Broker errors end up in `part_errors`."""
    if not dispatch.hold_inventory(broker_id, claim):
        return False
    broker = Broker.objects.filter(pk=broker_id).first()
    if broker is None:
        return False
    began = time.monotonic()
    errors: dict[str, str] = {}
    left_out: dict[str, list[str]] = {}
    whole, degraded = True, False
    try:
        with connect(broker, timeouts=SLOW) as client:
            nodes, sight = NodeWatch(client), Sight(broker.username, client.whoami)
            for part in parts():
                whole &= _take_part(
                    part, broker, claim, client, nodes, sight, now, errors, left_out
                )
            degraded = nodes.missed
            take_links(broker, client, lambda: _held(broker, claim), now, errors)
            take_consumers(broker, client, lambda: _held(broker, claim), now)
            take_stream_depths(broker, client, lambda: _held(broker, claim), now)
            note_health(broker, lambda: _held(broker, claim), now)
            take_certificates(broker, now)
            mark_noise(broker.pk, now, lambda: _held(broker, claim))
            take_report(broker, client, lambda: _held(broker, claim), now)
    except (BrokerError, ConsoleError) as error:
        # The next poll finds and reports what is wrong with the broker as a whole.
        whole = False
        log.info("inventory_failed", broker_id=broker_id, code=error.code)
    except Fenced:
        return False
    took = time.monotonic() - began
    _finish(broker, claim, errors, left_out, now=now, took=took, whole=whole, degraded=degraded)
    return True


def _take_part(
    part: Part,
    broker: Broker,
    claim: int,
    client: ManagementClient,
    nodes: NodeWatch,
    sight: Sight,
    now: datetime,
    errors: dict[str, str],
    names_left_out: dict[str, list[str]],
) -> bool:
    """Store a part. Return whether it now matches the broker. `errors` and `names_left_out` get
    what couldn't be stored."""
    name, mirror = part.kind.name, part.face.mirror
    try:
        listing = part.read(client)
        # If a node died meanwhile, its queues may be missing in the listing.
        view = nodes.since_last()
    except LoginRefused:
        raise
    except AccessRefused as error:
        errors[name] = refused(name, broker.username, error)
        return False
    except BrokerError as error:
        errors[name] = sentence(error)
        return False
    rows = {
        row[: len(part.kind.keys)]: row for row in (part.row(item, view) for item in listing.items)
    }
    sight.take_in(part.face.kind, rows, whole=listing.complete and not listing.rejected)
    hidden = sight.lacks(part.face.kind)
    sound = [row for key, row in rows.items() if why_unfit(*key) is None]
    left_out = unfit_rows(part.kind, [key for key in rows if why_unfit(*key)], listing.rejected)
    complete = (
        listing.complete
        and not hidden
        and not left_out.nameless
        and bool(sound or not part.face.kind.never_empty)
        and can_tell_absence(part.face, view)
    )
    if hidden:
        errors[name] = hidden
    if left_out:
        errors[name] = left_out.sentence()
        names_left_out[name] = list(left_out.names[:MOST_NAMED])
    try:
        with transaction.atomic():
            status = _held(broker, claim)
            suspicion = status.suspect.get(name)
            gone = gone_since(broker, now)
            mirrored = lay_over(
                part.kind,
                broker.pk,
                [row for row in sound if not gone.tells_of(part.face.name, row)],
                now=now,
                complete=complete,
                confirmed=suspicion is not None and _is_second(suspicion, now),
                newer=[*read_back_since(broker, part.face.name, now), *left_out.known],
                doubtful=mirror.doubt(view),
            )
            _note_suspicion(status, name, mirrored, complete, now)
            _note_listed(status, name, now)
            if mirrored.came_or_went:
                mirror.came_or_went(broker.pk, now)
    except DataError:
        log.warning("inventory_unstorable", broker_id=broker.pk, part=name, exc_info=True)
        errors[name] = "The list contains values that can't be stored."
        return False
    note_part(
        part.face,
        listing.items,
        broker,
        complete=complete,
        now=now,
        unread=frozenset(left_out.known),
    )
    return complete and (mirrored.dropped or not mirrored.missing)


def _held(broker: Broker, claim: int) -> BrokerStatus:
    if not dispatch.hold_inventory(broker.pk, claim):
        raise Fenced
    return BrokerStatus.objects.select_for_update().get(pk=broker.pk)


def _is_second(suspicion: dict[str, Any], now: datetime) -> bool:
    """Return whether enough time has passed: a second listing right after the first would repeat
    the mistake."""
    since = datetime.fromisoformat(suspicion["since"])
    return now - since >= timedelta(seconds=min(settings.INVENTORY_INTERVAL_S, 30))


def _note_suspicion(
    status: BrokerStatus, name: str, mirrored: Mirrored, complete: bool, now: datetime
) -> None:
    if not complete:
        return
    suspect = dict(status.suspect)
    if mirrored.missing and not mirrored.dropped:
        since = suspect.get(name, {}).get("since", now.isoformat())
        suspect[name] = {"since": since, "missing": mirrored.missing, "known": mirrored.known}
    else:
        suspect.pop(name, None)
    if suspect != status.suspect:
        BrokerStatus.objects.filter(pk=status.pk).update(suspect=suspect)


def _note_listed(status: BrokerStatus, name: str, now: datetime) -> None:
    parts_at = {**status.parts_at, name: now.isoformat()}
    BrokerStatus.objects.filter(pk=status.pk).update(parts_at=parts_at)


def _finish(
    broker: Broker,
    claim: int,
    errors: dict[str, str],
    left_out: dict[str, list[str]],
    *,
    now: datetime,
    took: float,
    whole: bool,
    degraded: bool,
) -> None:
    wait = max(settings.INVENTORY_INTERVAL_S, _TAKES_AT_MOST * took)
    if degraded:
        # A node returns before its queues do, so look again soon.
        wait = min(wait, max(_DEGRADED_S, _HURRIED_AT_MOST * took))
    with transaction.atomic():
        status = BrokerStatus.objects.select_for_update().filter(pk=broker.pk).first()
        if status is None or status.inventory_claim != claim:
            return
        names = {LINKS, *(part.kind.name for part in parts())}
        kept = {part: text for part, text in status.part_errors.items() if part not in names}
        columns: dict[str, Any] = {"part_errors": {**kept, **errors}, "left_out": left_out}
        following = now + timedelta(seconds=took + wait)
        if now < status.next_inventory_at < following:
            # A change requested another inventory while this one ran.
            following = status.next_inventory_at
        if whole or not errors:
            columns["inventory_at"] = now
        BrokerStatus.objects.filter(pk=broker.pk).update(
            inventory_claimed_until=None,
            inventory_took_ms=round(took * 1000),
            next_inventory_at=following,
            **columns,
        )


def hurry(status: BrokerStatus, now: datetime) -> None:
    """Request an inventory early because queues appeared or vanished, but not so often that a
    broker with short-lived queues is busy with inventories."""
    took = (status.inventory_took_ms or 0) / 1000
    soonest = now
    if status.inventory_at is not None:
        least = timedelta(seconds=max(_HURRIED_LEAST_S, _HURRIED_AT_MOST * took))
        soonest = max(now, status.inventory_at + least)
    BrokerStatus.objects.filter(pk=status.pk, next_inventory_at__gt=soonest).update(
        next_inventory_at=soonest
    )
