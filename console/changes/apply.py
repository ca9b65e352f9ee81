"""Applying: a worker, alone on its broker, takes due steps to their end.

Level-triggered: a step carries out what its object should be now, compared with what is there now.
So a step that is tried twice does its work once, and a worker that dies anywhere is followed by one
that looks first.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from console.brokers import connect
from console.changes import steps as book
from console.changes.attempt import Outcome, act, judge, outcome_of_error, reference
from console.changes.crashpoints import crashpoint
from console.changes.lease import Lease, release_lease, renew_lease, take_lease
from console.changes.parallel import each
from console.errors import ConsoleError
from console.models import Broker, Step
from console.rabbitmq.endpoint import Timeouts
from console.rabbitmq.errors import BrokerError, LoginRefused
from console.rabbitmq.management.objects import Key, ObjectStore
from console.reconcile.kinds import Spec

log = structlog.get_logger(__name__)

TIMEOUTS = Timeouts(connect=5, read=10, total=10)
#: From so many steps on, one listing is cheaper than a look at each object.
LISTING_FROM = 16
LONGEST_WAIT_S = 60
Clock = Callable[[], datetime]


def apply_broker(broker_id: int, *, owner: str, clock: Clock) -> int:
    """Applies what is due on the broker; the number of steps that ended. 0 where another worker holds
    the broker. Trouble with the broker is recorded, not raised."""
    lease = take_lease(broker_id, owner)
    if lease is None:
        return 0
    crashpoint("after-claim")
    ended = 0
    try:
        broker = Broker.objects.get(pk=broker_id)
        ended += book.stop_requested(broker, now=clock())
        if not book.any_due(broker, now=clock()):
            return ended
        if not broker.enabled:
            book.wait(
                broker,
                "disabled",
                "The broker is disabled in the console.",
                clock() + timedelta(minutes=1),
            )
            return ended
        with connect(broker, timeouts=TIMEOUTS) as client:
            store = ObjectStore(client.http)
            while renew_lease(lease):
                batch = book.start_batch(broker, lease, now=clock())
                if batch is None:
                    break
                crashpoint("after-attempt")
                results = _carry_out(store, lease, batch, clock)
                crashpoint("after-read-back")
                if not book.finish_batch(lease, batch, results, now=clock()):
                    log.warning("lease_lost", broker=broker_id, fence=lease.fence)
                    return ended
                crashpoint("after-commit")
                ended += sum(
                    1 for r in results.values() if r.state in ("ok", "unchanged", "rejected")
                )
                ended += book.stop_requested(broker, now=clock())
                trouble = next((r for r in results.values() if r.state == "trouble"), None)
                if trouble is not None:
                    _wait(broker, trouble, clock())
                    break
    except BrokerError as error:
        _wait(Broker.objects.get(pk=broker_id), outcome_of_error(error), clock())
    except ConsoleError as error:
        book.wait(
            Broker.objects.get(pk=broker_id),
            error.code,
            error.message,
            clock() + timedelta(seconds=60),
        )
    finally:
        release_lease(lease)
    return ended


def _carry_out(
    store: ObjectStore, lease: Lease, batch: list[Step], clock: Clock
) -> dict[int, Outcome]:
    """The outcome of every step of the batch, by its id. All are of one kind."""
    look = _Look(store, batch)
    try:
        before = look()
    except BrokerError as error:
        return _all(batch, outcome_of_error(error))
    results = each(
        batch,
        lambda step: act(store, step, before.get(reference(step).key)),
        halted=lambda outcome: outcome.state == "trouble",
        skipped=lambda: Outcome("skipped"),
        go_on=lambda: renew_lease(lease) and not book.stop_asked(batch[0].change_id),
    )
    sent = [step for step in batch if results[step.pk].state == "sent"]
    if sent:
        results |= _read_back(store, sent, results)
    return results


def _read_back(
    store: ObjectStore, sent: list[Step], results: dict[int, Outcome]
) -> dict[int, Outcome]:
    try:
        after = _Look(store, sent)()
    except BrokerError as error:
        # Sent, and not seen since: perhaps done. The next look decides.
        detail = f"Sent, but not read back: {error.detail or error.summary}"
        return _all(sent, Outcome("trouble", detail, error.code, error.status, error))
    return {step.pk: judge(step, results[step.pk], after.get(reference(step).key)) for step in sent}


class _Look:
    """Reads the objects of a batch: one by one, or by one listing where there are many."""

    def __init__(self, store: ObjectStore, batch: list[Step]) -> None:
        self._store = store
        self._refs = [reference(step) for step in batch]

    def __call__(self) -> dict[Key, Spec | None]:
        kind = self._refs[0].kind
        if len(self._refs) >= LISTING_FROM:
            listed = self._store.read_all(kind)
            return {ref.key: listed.get(ref.key) for ref in self._refs}
        return {ref.key: self._store.read(kind, ref.key) for ref in self._refs}


def _all(batch: list[Step], outcome: Outcome) -> dict[int, Outcome]:
    return {step.pk: outcome for step in batch}


def _wait(broker: Broker, trouble: Outcome, now: datetime) -> None:
    failures = book.count_failure(broker)
    if isinstance(trouble.error, LoginRefused):
        # Knocking with a refused password can lock the account.
        delay = float(LONGEST_WAIT_S)
    else:
        delay = random.uniform(0.5, min(LONGEST_WAIT_S, 2.0**failures))  # noqa: S311 – jitter
    book.wait(broker, trouble.code, trouble.detail, now + timedelta(seconds=delay))
