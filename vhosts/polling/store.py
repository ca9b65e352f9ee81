"""Write a poll's result to Postgres in one short transaction.

Nothing is written if the broker has another claim now: another worker took over, because this poll
seemed dead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper

from console.models import BrokerStatus
from vhosts.history import partitions
from vhosts.models import BrokerSample, KnownSpan, Poll
from vhosts.noise.mark import left_out
from vhosts.polling.depths.found import Depths
from vhosts.polling.depths.rows import Slot, store_depths
from vhosts.polling.rates.rows import hold


class Fenced(Exception):
    """Another poll has claimed the broker, so this result must not be stored."""


@dataclass
class Outcome:
    """What a poll writes. `status` are columns of BrokerStatus."""

    status: dict[str, Any]
    poll: dict[str, Any]
    sample: dict[str, Any] | None = None
    depths: Depths | None = None
    #: Set by `store`.
    changed: int = 0
    inventory_wanted: bool = field(default=False)
    #: Whether nodes started or stopped, or a partition began or ended, since the last poll.
    nodes_changed: bool = False


def store(slot: Slot, outcome: Outcome, *, now: datetime) -> None:
    """Store the outcome. Raises Fenced, with nothing written."""
    try:
        _store(slot, outcome, now)
    except IntegrityError as error:
        if "no partition of relation" not in str(error):
            raise
        # No partitions were created for days, or the clock jumped.
        partitions.make_ahead(slot.at)
        _store(slot, outcome, now)


def _store(slot: Slot, outcome: Outcome, now: datetime) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        if not hold(cursor, slot):
            raise Fenced
        status = dict(outcome.status)
        depths = outcome.depths
        if depths is not None:
            outcome.changed, outcome.inventory_wanted = store_depths(cursor, slot, depths)
            status.update(
                depths_at=now,
                depths_source=depths.source,
                depths_claim=slot.claim if depths.complete else 0,
                queues_without_depth=0,
            )
            if depths.complete:
                status.update(
                    queues=depths.queues,
                    messages_ready=depths.ready,
                    messages_unacked=depths.unacked,
                )
                if depths.source != "prometheus" or depths.why_not_all or depths.untold:
                    _say_what_lacks(cursor, slot, depths, outcome, status)
                _extend_span(slot)
            else:
                # A partial sum would look like the whole, and the last sum would look current.
                known = (outcome.sample or {}).get("queues")
                status.update(
                    queues=known,
                    queues_without_depth=None,
                    messages_ready=None,
                    messages_unacked=None,
                )
        else:
            status.update(depths_claim=0)
        if outcome.sample is not None:
            _leave_noise_out(cursor, slot, outcome, status)
            BrokerSample.objects.bulk_create(
                [BrokerSample(broker_id=slot.broker_id, at=slot.at, **outcome.sample)],
                update_conflicts=True,
                unique_fields=["broker_id", "at"],
                update_fields=list(outcome.sample),
            )
        poll = {**outcome.poll, "changed": outcome.changed if depths is not None else None}
        Poll.objects.bulk_create(
            [Poll(broker_id=slot.broker_id, slot_at=slot.at, **poll)],
            update_conflicts=True,
            unique_fields=["broker_id", "slot_at"],
            update_fields=list(poll),
        )
        BrokerStatus.objects.filter(pk=slot.broker_id).update(claimed_until=None, **status)


def _leave_noise_out(
    cursor: CursorWrapper, slot: Slot, outcome: Outcome, status: dict[str, Any]
) -> None:
    """Take noise off the broker's totals and their history; unknown totals stay unknown."""
    out = left_out(cursor, slot.broker_id)
    if not out.queues:
        return
    for name, number in (
        ("queues", out.queues),
        ("messages_ready", out.ready),
        ("messages_unacked", out.unacked),
    ):
        if status.get(name) is not None:
            status[name] = max(0, status[name] - number)
    if outcome.sample is not None:
        for name, number in (
            ("queues", out.queues),
            ("ready", out.ready),
            ("unacked", out.unacked),
        ):
            if outcome.sample.get(name) is not None:
                outcome.sample[name] = max(0, outcome.sample[name] - number)


def _say_what_lacks(
    cursor: CursorWrapper, slot: Slot, depths: Depths, outcome: Outcome, status: dict[str, Any]
) -> None:
    """Store how many queues have no depth, and why.

    If nodes are down or a right is missing, the history of the sums gets a gap: a sum over the
    rest would look as if messages were consumed. New queues that the Prometheus plugin doesn't
    list yet leave no gap.
    """
    cursor.execute(
        "SELECT count(*), count(*) FILTER (WHERE ready IS NULL) FROM vhosts_queue"
        " WHERE broker_id = %s AND gone_at IS NULL",
        [slot.broker_id],
    )
    queues, without = cursor.fetchone()
    # If nodes are down, the rows have the queues that this source can't list.
    if depths.untold and not depths.why_not_all:
        queues = depths.queues + depths.untold
        without = max(depths.untold, without if depths.source != "prometheus" else 0)
    status.update(queues=queues, queues_without_depth=without)
    if outcome.sample is not None:
        outcome.sample["queues"] = queues
    if not without or not (depths.why_not_all or depths.untold):
        return
    why = depths.why_not_all or depths.lacks_right or _NOT_NAMED_YET
    sentence = f"{without:,} of {queues:,} queues are without figures"
    sentence += f" and missing from the sums. {why}"
    status["part_errors"] = {**status["part_errors"], "depths": sentence[:2000]}
    outcome.poll["complete"] = False
    if outcome.sample is not None and why != _NOT_NAMED_YET:
        outcome.sample.update(ready=None, unacked=None)


_NOT_NAMED_YET = "The broker counts them but doesn't list them yet."


def _extend_span(slot: Slot) -> None:
    until = slot.at + timedelta(seconds=slot.interval_s)
    spans = KnownSpan.objects.filter(broker_id=slot.broker_id)
    newest = spans.order_by("-from_at").first()
    if (
        newest is not None
        and newest.from_at <= slot.at
        and slot.at - newest.last_at <= slot.lateness
    ):
        spans.filter(pk=newest.pk).update(last_at=slot.at, until_at=until)
    else:
        spans.update_or_create(
            broker_id=slot.broker_id,
            from_at=slot.at,
            defaults={"last_at": slot.at, "until_at": until},
        )
