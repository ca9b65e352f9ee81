"""One run of a job over open connections: from the queue as it is now to the end, or to an order."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from django.utils import timezone

from console.engine.stopping import stopping
from console.rabbitmq.amqp.properties.fields import BadField
from console.rabbitmq.amqp.transfer import Settled, Sink, Source, Taken
from console.rabbitmq.errors import TimedOut
from vhosts.messages.moving.model import MessageJob, MessageOutcome
from vhosts.messages.moving.places import Mode
from vhosts.messages.moving.running.choice import Choice, Chosen, returns_of
from vhosts.messages.moving.running.outcomes import STALLED_S, outcome_of, unsettled, why_give_up
from vhosts.messages.moving.running.outgoing import destination, outgoing
from vhosts.messages.moving.running.pace import Pace
from vhosts.messages.moving.running.progress import Batch, Orders, Progress

#: Messages published before their confirms are waited for.
BATCH = 200
_BEAT_S = 3.0
_IDLE_S = 0.3
_CONFIRM_S = 60.0
State = MessageJob.State
Outcome = MessageOutcome.Outcome


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended. `state` None: another worker goes on at once."""

    state: str | None
    note: str = ""


class Transfer:
    """`sink` None: a deletion. `bears`: how many returns a message may have had that stays. `allowed` returns a sentence once the author lost a right. `at(point)` is
    called between the steps; tests crash there."""

    def __init__(
        self,
        progress: Progress,
        choice: Choice,
        source: Source,
        sink: Sink | None,
        *,
        username: str,
        stream: bool,
        bears: float,
        allowed: Callable[[], str],
        at: Callable[[str], None],
    ) -> None:
        self._progress, self._choice, self._job = progress, choice, progress.job
        self._source, self._sink = source, sink
        self._username, self._stream, self._allowed, self._at = username, stream, allowed, at
        self._bears, self._worn = bears, False
        #: The highest count of returns that a message has after this run.
        self.highest = 0
        self._pace = Pace(self._job.rate)
        self._orders = Orders(rate=self._job.rate)
        #: Messages that are returned to the source in the end.
        self._held = 0
        self._credit = 0
        #: Confirmed, but neither stored nor acknowledged.
        self._settled: list[Chosen] = []
        self._under_way: dict[int, Chosen] = {}
        self._batch = Batch()
        self._number = 0
        self._left_behind = self._job.returned + self._job.refused
        self._stored_at = self._busy_at = time.monotonic()
        self._copies = self._job.mode == Mode.COPY

    def run(self) -> Ended:
        """Raises BrokerError, LeaseLost."""
        self._listen()
        while (ended := self._ended()) is None:
            self._source.work(0 if self._settled else _IDLE_S / 3)
            self._keep_alive()
            most = min(BATCH, self._choice.most, self._pace.allowed())
            taken = self._source.take(max(0, most))
            if taken:
                self._busy_at = time.monotonic()
            chosen = [one for each in taken if (one := self._judge(each)) is not None]
            if chosen or self._settled:
                self._pass_on(chosen)
            elif time.monotonic() - self._stored_at > _BEAT_S:
                self._store()
            if not taken and not self._source.waiting and self._has_run_dry():
                break
        return self._finish(ended or Ended(State.DONE))

    def _listen(self) -> None:
        """Let the source deliver a batch while another is under way."""
        wanted = 2 * BATCH if self._pace.rate is None else min(2 * BATCH, self._pace.rate + 1)
        wanted = max(1, min(wanted, self._choice.most))
        offset: int | str | None = None
        if self._stream:
            offset = "first" if self._job.offset is None else self._job.offset
        self._source.consume(wanted, offset=offset)
        self._credit += wanted

    def _judge(self, taken: Taken) -> Chosen | None:
        chosen = self._choice.judge(taken)
        if chosen is None:
            self._stay(taken)
        return chosen

    def _stay(self, taken: Taken) -> None:
        """Leave a message where it is."""
        if self._stream:
            self._source.ack([taken.tag])
            return
        if self._bears < math.inf:
            self.highest = max(self.highest, returns_of(taken) + 1)
            self._worn = self.highest > self._bears
        self._held += 1
        if self._credit - self._held < BATCH and not self._choice.over:
            more = max(2 * BATCH, self._held // 4)
            self._source.consume(more)
            self._credit += more

    def _pass_on(self, chosen: list[Chosen]) -> None:
        """Store what will be sent with what was confirmed last, acknowledge that, and send."""
        self._batch.counts["selected"] += sum(not one.doubt for one in chosen)
        if self._sink is None:
            self._delete(chosen)
            return
        self._store(chosen)
        for one in chosen:
            self._publish(self._sink, one)
        self._at("published")
        self._wait(self._sink)
        self._at("confirmed")

    def _delete(self, chosen: list[Chosen]) -> None:
        self._settled = chosen
        self._batch.counts["deleted"] += sum(not one.doubt for one in chosen)
        self._store()

    def _store(self, sending: list[Chosen] | None = None) -> None:
        """Store counts and journal, then acknowledge what is settled."""
        settled, self._settled = self._settled, []
        batch, self._batch = self._batch, Batch()
        batch.sent = [one.fingerprint for one in sending or () if one.doubt != "certain"]
        batch.resent = [one.fingerprint for one in sending or () if one.doubt == "certain"]
        batch.confirmed = [] if self._copies else [one.fingerprint for one in settled]
        if self._copies or self._job.selection.get("kind") == "chosen":
            batch.remember = [one.fingerprint for one in settled if one.doubt != "certain"]
        batch.skipped = self._choice.skipped
        offsets = [one.offset for one in settled if one.offset is not None]
        if offsets:
            batch.offset = max(offsets) + 1
        self._at("before_store")
        self._orders = self._progress.store(batch)
        self._pace.change(self._orders.rate)
        self._stored_at = time.monotonic()
        self._at("stored")
        if self._copies and not self._stream:
            for one in settled:
                self._stay(one.taken)
        elif settled:
            self._source.ack([one.taken.tag for one in settled])
        self._at("acknowledged")

    def _publish(self, sink: Sink, one: Chosen) -> None:
        self._number += 1
        mark = f"{self._job.pk}/{self._progress.fence}/{self._number}"
        exchange, key = destination(
            one.taken.message, self._job.target_exchange, self._job.target_key
        )
        why = ""
        try:
            properties = outgoing(
                one.taken.message,
                mark=mark,
                keep_expiration=self._job.keep_expiration,
                username=self._username,
            )
            if not sink.has_exchange(exchange):
                why = f"The target has no exchange {exchange}."
            elif not sink.fits(properties):
                why = "Its headers are too long for one frame of the connection."
        except (BadField, ValueError):
            why = "Its headers can't be read."
        if why:
            self._leave(one, Outcome.REFUSED, why)
            return
        self._pace.spent(1)
        number = sink.publish(exchange, key, properties, one.taken.message.body, mark)
        self._under_way[number] = one

    def _wait(self, sink: Sink) -> None:
        until = time.monotonic() + _CONFIRM_S
        while sink.unsettled:
            sink.work(0.05)
            self._source.work()
            if time.monotonic() - self._stored_at > _BEAT_S:
                self._orders = self._progress.beat()
                self._stored_at = time.monotonic()
            if time.monotonic() > until:
                raise TimedOut("The target didn't confirm in time.")
        self._absorb(sink)

    def _absorb(self, sink: Sink) -> None:
        settled, sink.settled = sink.settled, []
        for answer in settled:
            self._settle(self._under_way.pop(answer.number), answer)

    def rescue(self) -> None:
        """After the target was lost: store and acknowledge what it had confirmed, and return the
        rest to the source."""
        if self._sink is not None:
            self._absorb(self._sink)
        self._store(list(self._under_way.values()))
        self._source.give_back()

    def _settle(self, one: Chosen, answer: Settled) -> None:
        if answer.outcome == "confirmed":
            self._settled.append(one)
            if one.doubt != "certain":
                self._batch.counts["confirmed"] += 1
            if one.doubt:
                self._note(one, Outcome.TWICE, "It was sent again after an interruption.")
        elif answer.outcome == "returned":
            self._leave(one, Outcome.RETURNED, answer.reason)
        else:
            self._leave(one, Outcome.REFUSED, "The target refused it (negative confirm).")

    def _leave(self, one: Chosen, outcome: str, reason: str) -> None:
        """Note a message that stays at the source."""
        if one.doubt == "certain":
            self._note(
                one, Outcome.TWICE, f"It is at the target, and still at the source: {reason}"
            )
        else:
            self._note(one, outcome, reason)
            self._left_behind += 1
        self._stay(one.taken)

    def _note(self, one: Chosen, outcome: str, reason: str) -> None:
        self._batch.counts[outcome] += 1
        self._batch.outcomes.append(outcome_of(self._job, one, outcome, reason, timezone.now()))

    def _keep_alive(self) -> None:
        if self._sink is not None:
            self._sink.work()

    def _has_run_dry(self) -> bool:
        """Return whether the source has nothing more for this job. Asked only when nothing arrives
        for a moment."""
        if time.monotonic() - self._busy_at < _IDLE_S:
            return False
        if self._pace.allowed() < 1:
            return False
        if self._stream or self._source.count()[0] > 0:
            return False
        # What the count left out may be on its way.
        self._source.work(_IDLE_S)
        return not self._source.waiting

    def _ended(self) -> Ended | None:
        """Return how the run ends now; None if it goes on."""
        if self._orders.stop:
            return Ended(State.STOPPED)
        if self._orders.pause:
            return Ended(State.PAUSED)
        if stopping():
            return Ended(None)
        if self._choice.over:
            return Ended(State.DONE)
        stalled = time.monotonic() - self._busy_at > STALLED_S and self._pace.allowed() >= 1
        if why := self._allowed() or why_give_up(
            self._left_behind, self._held, stalled=stalled, worn=self._worn
        ):
            return Ended(State.FAILED, why)
        return None

    def _finish(self, ended: Ended) -> Ended:
        """Settle what is open, return what is held, and say what became of doubtful messages."""
        if self._settled or self._batch.counts or self._batch.outcomes:
            self._store()
        self._source.give_back()
        if ended.state in (State.DONE, State.STOPPED, State.FAILED):
            gone = +self._progress.doubtful
            if self._copies and not self._stream:
                gone = Counter()
            batch = Batch(outcomes=unsettled(gone.elements(), self._job, timezone.now()))
            batch.counts["unknown"] = gone.total()
            batch.skipped = self._choice.skipped
            self._progress.doubtful.clear()
            self._progress.certain.clear()
            self._progress.store(batch)
        return ended
