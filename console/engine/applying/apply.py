"""Apply due steps on a broker. One worker at a time writes to a broker.

Level-triggered: a step compares the object's current desired state with what is on the broker now.
So a step that is tried twice does its work once, and after a worker dies anywhere, the next one
reads first.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog

from console.brokers.amqp import amqp_way
from console.brokers.connect import connect
from console.brokers.failover import poll_soon
from console.engine.acts.perform import perform
from console.engine.applying.attempt import NOT_APPLIED, act, act_together, compared
from console.engine.applying.broker_objects import BrokerObjects
from console.engine.applying.crashpoints import crashpoint
from console.engine.applying.look import LISTING_FROM, Look
from console.engine.applying.outcome import Outcome, outcome_of_error, reference
from console.engine.applying.parallel import CONNECTIONS, Calls
from console.engine.applying.recheck import judge_of
from console.engine.lease import Lease, release_lease, renew_lease, take_lease
from console.engine.revert.falls_with import record_what_falls
from console.engine.steps import begin, finish, stop
from console.engine.stopping import stopping
from console.errors import ConsoleError
from console.kinds.common.kind import Op
from console.models import Broker, Step
from console.rabbitmq.endpoint import Timeouts
from console.rabbitmq.errors import BrokerError, LoginRefused, Unreachable

log = structlog.get_logger(__name__)

TIMEOUTS = Timeouts(connect=5, read=10, total=10)
#: A cluster in minority gives up on a write after 30 s and returns an error.
WRITES = Timeouts(connect=5, read=35, total=35)
#: How often the lease is renewed while objects are read. During calls it is renewed twice a second.
KEEP_EVERY_S = 5
#: A write that the broker accepted but that isn't visible yet is read again after this time: a node
#: of a cluster may answer before it has the other nodes' changes.
LOOK_AGAIN_S = 1
#: Most objects in one call, for kinds that allow it: about 0.4 s of work for a broker.
TOGETHER = 500
LONGEST_WAIT_S = 60
_ENDED = ("ok", "unchanged", "rejected", "grown", "done", "unknown")
#: Nothing more is sent to the broker for now.
_TROUBLE = ("trouble", "unknown")
_CLEAR = ("sent", "unchanged", "rejected", "grown")
Clock = Callable[[], datetime]


def apply_broker(broker_id: int, *, owner: str, clock: Clock) -> int:
    """Apply what is due on the broker and return the number of steps that ended. Returns 0 if
    another worker holds the broker. Broker errors are recorded, not raised."""
    lease = take_lease(broker_id, owner)
    if lease is None:
        return 0
    crashpoint("after-claim")
    ended = 0
    try:
        broker = Broker.objects.get(pk=broker_id)
        ended += stop.stop_requested(broker, now=clock())
        if not begin.any_due(broker, now=clock()):
            return ended
        if not broker.enabled:
            stop.wait(
                broker,
                "disabled",
                "The broker is disabled in the console. Enable it to apply the change.",
                clock() + timedelta(minutes=1),
            )
            return ended
        with connect(broker, timeouts=TIMEOUTS) as client:
            way = amqp_way(broker, client.endpoint, WRITES)
            objects = BrokerObjects(client.http, writes=WRITES, by_amqp=way)
            run = _Run(broker, lease, objects, clock)
            try:
                while not stopping() and renew_lease(lease) and run.next_kind():
                    pass
            except _LeaseLost:
                log.warning("lease_lost", broker=broker_id, fence=lease.fence)
            ended += run.ended
            if run.trouble is not None:
                _wait(broker, run.trouble, clock())
    except BrokerError as error:
        _wait(Broker.objects.get(pk=broker_id), outcome_of_error(error), clock())
    except ConsoleError as error:
        stop.wait(
            Broker.objects.get(pk=broker_id),
            error.code,
            error.message,
            clock() + timedelta(seconds=60),
        )
    finally:
        release_lease(lease)
    return ended


class _LeaseLost(Exception):
    """Another worker has the broker now: this one must not store anything more."""


class _Run:
    """Applies batches. `ended` counts the ended steps. After `trouble`, no more calls go to the
    broker."""

    def __init__(self, broker: Broker, lease: Lease, store: BrokerObjects, clock: Clock) -> None:
        self._broker, self._lease, self._store, self._clock = broker, lease, store, clock
        self._kept_at = 0.0
        self.ended = 0
        self.trouble: Outcome | None = None

    def next_kind(self) -> bool:
        """Apply the due steps of one kind of a change. While a batch is sent, the previous one is
        read back and recorded. False if nothing is due or nothing more can be done now. Raises
        _LeaseLost.
        """
        batch = self._start()
        if batch is None:
            return False
        if batch[0].is_act:
            return self._acts(batch)
        with self._calls(batch, self._look(batch)) as calls:
            results = calls.results(partial(self._go_on, batch))
        while follower := self._start_behind(batch, results):
            # One look serves as the read-back of one batch and as the first reading of the next.
            seen = self._look([*batch, *follower])
            with self._calls(follower, seen) as calls:
                self._record(batch, results, seen)
                batch, results = follower, calls.results(partial(self._go_on, follower))
        self._record(batch, results, None)
        return self.trouble is None

    def _acts(self, batch: list[Step]) -> bool:
        with self._begin([[step] for step in batch], self._perform) as calls:
            results = calls.results(partial(self._go_on, batch))
        self._record(batch, results, None)
        return self.trouble is None

    def _perform(self, steps: Sequence[Step]) -> dict[int, Outcome]:
        return {step.pk: perform(self._store, step) for step in steps}

    def _start(self, behind: list[Step] | None = None) -> list[Step] | None:
        batch = begin.start_batch(self._broker, self._lease, now=self._clock(), behind=behind)
        if batch is not None:
            crashpoint("after-attempt")
        return batch

    def _start_behind(self, batch: list[Step], results: dict[int, Outcome]) -> list[Step] | None:
        """Start the next batch only if every call has a clear outcome; otherwise the outcome
        decides what is due."""
        if any(result.state not in _CLEAR for result in results.values()):
            return None
        return self._start(behind=batch) if self._go_on(batch) else None

    def _go_on(self, batch: list[Step]) -> bool:
        if stopping() or not renew_lease(self._lease):
            return False
        return not stop.stop_asked(batch[0].change_id)

    def _look(self, steps: list[Step]) -> Look:
        return Look(self._store, steps, self._keep)

    def _keep(self) -> None:
        """Renew the lease if it is time. Raises _LeaseLost."""
        now = time.monotonic()
        if now - self._kept_at > KEEP_EVERY_S:
            if not renew_lease(self._lease):
                raise _LeaseLost
            self._kept_at = now

    def _calls(self, batch: list[Step], before: Look) -> Calls[Outcome]:
        if before.error is not None:
            came_to = outcome_of_error(before.error)
            return self._begin([batch], lambda piece: _all(piece, came_to))
        record_what_falls(self._store, batch, before.specs, self._keep)
        judge = judge_of(batch)
        if judge is None and _may_go_together(batch):
            pieces = [batch[at : at + TOGETHER] for at in range(0, len(batch), TOGETHER)]
            # The broker spreads such a call over its own workers.
            return self._begin(
                pieces, lambda piece: act_together(self._store, piece, before.specs), connections=2
            )
        return self._begin(
            [[step] for step in batch],
            lambda piece: {
                step.pk: act(self._store, step, before.specs.get(reference(step).key), judge)
                for step in piece
            },
        )

    def _begin(
        self,
        pieces: Sequence[Sequence[Step]],
        call: Callable[[Sequence[Step]], Mapping[int, Outcome]],
        connections: int = CONNECTIONS,
    ) -> Calls[Outcome]:
        return Calls(
            pieces,
            call,
            halted=lambda outcome: outcome.state in _TROUBLE,
            skipped=lambda: Outcome("skipped"),
            connections=connections,
        )

    def _record(self, batch: list[Step], results: dict[int, Outcome], after: Look | None) -> None:
        """Store the outcomes. `after` is a look taken after the calls returned; None: there was
        none."""
        sent = [step for step in batch if _to_be_read_back(results[step.pk])]
        if sent:
            results |= self._read_back(sent, results, after or self._look(sent))
        crashpoint("after-read-back")
        if not finish.finish_batch(self._lease, batch, results, now=self._clock()):
            raise _LeaseLost
        crashpoint("after-commit")
        self.ended += sum(1 for result in results.values() if result.state in _ENDED)
        self.ended += stop.stop_requested(self._broker, now=self._clock())
        if self.trouble is None:
            self.trouble = next((r for r in results.values() if r.state in _TROUBLE), None)

    def _read_back(
        self, sent: list[Step], results: dict[int, Outcome], after: Look
    ) -> dict[int, Outcome]:
        judged = _judged(sent, results, after)
        doubted = [
            step
            for step in sent
            if results[step.pk].state == "sent"
            and judged[step.pk].code == NOT_APPLIED
            and not results[step.pk].together
        ]
        if doubted and not stopping():
            time.sleep(LOOK_AGAIN_S)
            judged |= _judged(doubted, results, self._look(doubted))
        return judged


def _to_be_read_back(result: Outcome) -> bool:
    return result.called and result.state in ("sent", "rejected", "failed")


def _judged(sent: list[Step], results: dict[int, Outcome], after: Look) -> dict[int, Outcome]:
    if after.error is None:
        return {
            step.pk: compared(step, results[step.pk], after.specs.get(reference(step).key))
            for step in sent
        }
    # Sent and not seen since: it may have been applied, whatever the broker answered. The next look
    # decides.
    error = after.error
    return {
        step.pk: Outcome(
            "trouble",
            f"{_how_sent(results[step.pk])}, but not verified: {error.detail or error.summary}",
            error.code,
            error.status,
            error,
            called=True,
        )
        for step in sent
    }


def _how_sent(result: Outcome) -> str:
    return "Sent" if result.state == "sent" else f"Refused ({result.detail})"


def _may_go_together(batch: list[Step]) -> bool:
    """Whether the steps can share calls: many writes, each at its first try. A retry goes by
    itself, so that its answer isn't mixed with the others'."""
    return len(batch) >= LISTING_FROM and all(
        step.op != Op.DELETE and not step.sent_before for step in batch
    )


def _all(batch: Sequence[Step], outcome: Outcome) -> dict[int, Outcome]:
    return {step.pk: outcome for step in batch}


def _wait(broker: Broker, trouble: Outcome, now: datetime) -> None:
    failures = stop.count_failure(broker)
    if isinstance(trouble.error, Unreachable):
        # A poll finds a node that answers; the retry then goes there, and reads first.
        poll_soon(broker, now)
    if isinstance(trouble.error, LoginRefused):
        # Retrying with a refused password can lock the account.
        delay = float(LONGEST_WAIT_S)
    else:
        delay = random.uniform(0.5, min(LONGEST_WAIT_S, 2.0**failures))  # noqa: S311 – jitter
    stop.wait(broker, trouble.code, trouble.detail, now + timedelta(seconds=delay))
