"""Read messages of a queue for somebody: judge, take a turn, read, put back, remember what it cost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from accessctl.authorize import AnyUser
from console.brokers.amqp import amqp_endpoint
from console.brokers.connect import endpoint_of
from console.brokers.fresh import Trouble, why_not_asked
from console.errors import ConsoleError
from console.models import Broker, BrokerStatus
from console.rabbitmq.amqp.message import Message
from console.rabbitmq.amqp.reading.peek import Bounds, Peeked, Returns, peek
from console.rabbitmq.amqp.reading.streams import read_stream
from console.rabbitmq.endpoint import AmqpEndpoint, Timeouts
from console.rabbitmq.errors import (
    AddressForbidden,
    BrokerError,
    ConnectionRefused,
    NameNotResolved,
    NotFound,
    Rejected,
    TlsFailed,
)
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.management.messages.got import peek_by_http
from console.rabbitmq.types import Listener
from vhosts.messages.peeking.facts import facts_now, stored_facts
from vhosts.messages.peeking.guard import Verdict, judge
from vhosts.messages.peeking.turns import PeekRunning, highest_of, turn
from vhosts.messages.peeking.wanted import Wanted
from vhosts.messages.reading import record_reading
from vhosts.models import Queue

#: Reading facts, then messages.
_FACTS = Timeouts(connect=2.0, read=5.0, total=5.0)
_MESSAGES = Timeouts(connect=3.0, read=8.0, total=8.0)
#: The broker can't be reached over AMQP at all: nothing was got.
_NO_AMQP = (NotFound, ConnectionRefused, NameNotResolved, AddressForbidden, TlsFailed)
#: AMQP's codes for a queue that is locked or doesn't support getting.
_LOCKED, _NOT_IMPLEMENTED = 405, 540


@dataclass(frozen=True, slots=True)
class Outcome:
    """What reading gave. `messages` are oldest first.

    `trouble` says why the broker gave none; otherwise `verdict.refusal` says why none were read. `way`
    is amqp, http or stream. `ended`, `left`, `copied` and `endangered` as in
    console.rabbitmq.amqp.reading.peek.Peeked; `passed` messages of a stream didn't pass the filter.
    """

    verdict: Verdict
    at: datetime
    messages: tuple[Message, ...] = ()
    trouble: Trouble | None = None
    way: str = "amqp"
    ended: str = ""
    left: int | None = None
    copied: int = 0
    endangered: int = 0
    passed: int = 0
    notes: tuple[str, ...] = field(default=())

    @property
    def is_read(self) -> bool:
        return self.trouble is None and not self.verdict.refusal


def foresee(queue: Queue, now: datetime) -> Verdict:
    """Return what is known before reading, without a call to the broker."""
    return judge(stored_facts(queue, highest_of(queue, now)))


def read_messages(actor: AnyUser, queue: Queue, wanted: Wanted, now: datetime, how: str) -> Outcome:
    """Read messages and put them back; the reading goes into the audit log.

    Trouble with the broker is part of the outcome. Raises PeekRunning if somebody else reads the
    queue.
    """
    outcome = _read(queue, wanted, now)
    if outcome.is_read:
        record_reading(
            actor, queue.broker, queue.vhost, f"queue {queue.name}", len(outcome.messages), how
        )
    return outcome


def _read(queue: Queue, wanted: Wanted, now: datetime) -> Outcome:
    known = highest_of(queue, now)
    seen = Outcome(judge(stored_facts(queue, known)), now)
    if (refusal := why_not_asked(queue.broker)) is not None:
        return replace(seen, trouble=refusal)
    try:
        management = endpoint_of(queue.broker, timeouts=_FACTS)
        with ManagementClient(management) as client:
            facts, reported = facts_now(client, queue, known)
            if known and reported.depth.total == 0:
                facts = replace(facts, highest=highest_of(queue, now, is_empty=True))
            seen = Outcome(judge(facts), now)
            if seen.verdict.refusal:
                return seen
            return _of_way(client, queue, wanted, seen, facts.highest, now)
    except PeekRunning:
        raise
    except BrokerError as error:
        return replace(seen, trouble=_trouble(error))
    except ConsoleError as error:
        return replace(seen, trouble=Trouble(error.code, error.message, asked=False))


def _of_way(
    client: ManagementClient,
    queue: Queue,
    wanted: Wanted,
    seen: Outcome,
    known: int,
    now: datetime,
) -> Outcome:
    endpoint = _amqp(queue.broker, client, queue.vhost)
    bounds = Bounds(messages=wanted.count)
    if seen.verdict.way == "consume":
        return _of_stream(endpoint, queue, wanted, bounds, seen)
    verdict = seen.verdict
    returns = None if verdict.limit is None else Returns(verdict.limit, verdict.spare)
    with turn(queue, now, counts=verdict.counts, known=known) as mine:
        way = "amqp"
        try:
            if endpoint is None:
                raise NotFound("No AMQP listener is known.")
            found = peek(endpoint, queue.name, bounds, returns)
        except _NO_AMQP as error:
            # AMQP's NotFound has a code if it is about the queue.
            if getattr(error, "status", None) is not None:
                raise
            if verdict.counts:
                mine.highest = known
                return replace(seen, trouble=_only_http(error))
            way, found = "http", _by_http(client, queue, bounds)
        if verdict.counts:
            mine.highest = found.highest
            verdict = replace(verdict, left=max(0, (verdict.limit or 0) - found.highest))
    return _as_outcome(replace(seen, verdict=verdict), found, way)


def _of_stream(
    endpoint: AmqpEndpoint | None, queue: Queue, wanted: Wanted, bounds: Bounds, seen: Outcome
) -> Outcome:
    if endpoint is None:
        return replace(seen, trouble=_only_http(None))
    if wanted.only is not None and not seen.verdict.filters:
        sentence = "This version of RabbitMQ has no stream filters: they came with 3.13."
        return replace(seen, trouble=Trouble("not_supported", sentence, asked=False))
    read = read_stream(endpoint, queue.name, wanted.start, bounds, wanted.only)
    return replace(
        seen, messages=tuple(read.messages), way="stream", ended=read.ended, passed=read.passed
    )


def _as_outcome(seen: Outcome, found: Peeked, way: str) -> Outcome:
    return replace(
        seen,
        messages=tuple(found.messages),
        way=way,
        ended=found.ended,
        left=found.left,
        copied=found.copied,
        endangered=found.endangered,
    )


def _amqp(broker: Broker, client: ManagementClient, vhost: str) -> AmqpEndpoint | None:
    """Return where to read over AMQP; None if no address is known."""
    status = BrokerStatus.objects.filter(broker=broker).only("listeners").first()
    listeners = [Listener(**one) for one in status.listeners] if status else []
    try:
        found = amqp_endpoint(broker.amqp_url, client.endpoint, listeners, _MESSAGES)
    except NotFound:
        return None
    return replace(found, vhost=vhost)


def _by_http(client: ManagementClient, queue: Queue, bounds: Bounds) -> Peeked:
    with ManagementClient(replace(client.endpoint, timeouts=_MESSAGES)) as patient:
        return peek_by_http(patient, queue.vhost, queue.name, bounds)


def _only_http(error: BrokerError | None) -> Trouble:
    why = error.summary if isinstance(error, BrokerError) and error.status is not None else ""
    return Trouble(
        "amqp_unreachable",
        "The broker can't be reached over AMQP, and this queue can't be read safely over HTTP.",
        why or "Set the broker's AMQP URL, or open the AMQP port to the console.",
    )


def _trouble(error: BrokerError) -> Trouble:
    if isinstance(error, NotFound):
        return Trouble("not_found", "The queue no longer exists on the broker.", gone=True)
    if isinstance(error, Rejected) and error.status == _LOCKED:
        return Trouble(
            error.code, "RabbitMQ locks the queue: it is exclusive, or a consumer is.", error.detail
        )
    if isinstance(error, Rejected) and error.status == _NOT_IMPLEMENTED:
        return Trouble(error.code, "RabbitMQ can't get messages of this queue.", error.detail)
    return Trouble(error.code, error.summary, error.detail)
