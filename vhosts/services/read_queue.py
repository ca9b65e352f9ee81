"""One queue read fresh from its broker: the one place where a page view calls a broker.

Bounded by a deadline, and shared: many people looking at one queue cost the broker one call in
SHARED_FOR, a broker in trouble one in TROUBLE_SHARED_FOR. Trouble is part of the answer, never an exception.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache

from console.brokers import connect
from console.errors import ConsoleError
from console.models import Broker, PollState
from console.rabbitmq.endpoint import Timeouts
from console.rabbitmq.errors import BrokerError, LoginRefused, NotFound, UnaddressableName
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.types import Binding, Listing, QueueNow
from vhosts.models import Queue

DEADLINE = Timeouts(connect=2.0, read=3.0, total=3.0)
SHARED_FOR = timedelta(seconds=2)
#: A broker in trouble is left alone a little longer.
TROUBLE_SHARED_FOR = timedelta(seconds=5)
#: A refused log-in is not tried again for this long: knocking on can lock the account.
REFUSED_FOR = timedelta(seconds=60)
_KEPT_S = 120
_LOCKED_S = 5


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the broker gave no answer. `gone`: it said that there is no such queue. `asked` False:
    it was not called at all."""

    code: str
    sentence: str
    advice: str = ""
    gone: bool = False
    asked: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """What the broker said at `at`, or why it did not: one of `now`, `bindings`, `trouble`."""

    at: datetime
    now: QueueNow | None = None
    bindings: Listing[Binding] | None = None
    trouble: Trouble | None = None


def read_queue_now(queue: Queue, *, now: datetime) -> Reading:
    """Figures, consumers and effective policy; at most SHARED_FOR old."""

    def ask(client: ManagementClient) -> Reading:
        return Reading(at=now, now=client.queue_now(queue.vhost, queue.name))

    return _shared(f"queue-now-{queue.pk}", queue.broker, ask, now)


def read_queue_bindings(queue: Queue, *, now: datetime) -> Reading:
    def ask(client: ManagementClient) -> Reading:
        return Reading(at=now, bindings=client.queue_bindings(queue.vhost, queue.name))

    return _shared(f"queue-bindings-{queue.pk}", queue.broker, ask, now)


def _shared(
    key: str, broker: Broker, ask: Callable[[ManagementClient], Reading], now: datetime
) -> Reading:
    """The reading of whoever asked just before, else one of our own."""
    if (refusal := _not_to_be_asked(broker)) is not None:
        return Reading(at=now, trouble=refusal)
    # A changed broker (address, password) is another one: its readings are not shared.
    key = f"{key}-{broker.pk}-{broker.generation}"
    if (found := _recent(key, now)) is not None:
        return found
    if not cache.add(f"{key}-asking", 1, timeout=_LOCKED_S):
        return _of_somebody_else(key, now)
    started = time.monotonic()
    try:
        reading = _ask(broker, ask, now)
        # As old as the answer, not as the question: a slow broker is not asked the more for it.
        took = timedelta(seconds=time.monotonic() - started)
        reading = replace(reading, at=now + took)
        cache.set(key, reading, timeout=_KEPT_S)
    finally:
        cache.delete(f"{key}-asking")
    return reading


def _recent(key: str, now: datetime) -> Reading | None:
    found: Any = cache.get(key)
    if not isinstance(found, Reading):
        return None
    if found.trouble is None:
        shared_for = SHARED_FOR
    elif found.trouble.code == LoginRefused.code:
        shared_for = REFUSED_FOR
    else:
        shared_for = TROUBLE_SHARED_FOR
    return found if now - found.at < shared_for else None


def _of_somebody_else(key: str, now: datetime) -> Reading:
    """Somebody is asking at this moment: wait for their answer, for as long as they may take."""
    waited_until = time.monotonic() + DEADLINE.total
    while time.monotonic() < waited_until:
        time.sleep(0.1)
        if (found := _recent(key, now)) is not None:
            return found
    return Reading(
        at=now, trouble=Trouble("timed_out", "The broker is still being asked.", asked=False)
    )


def _ask(broker: Broker, ask: Callable[[ManagementClient], Reading], now: datetime) -> Reading:
    try:
        with connect(broker, timeouts=DEADLINE) as client:
            return ask(client)
    except NotFound:
        return Reading(
            at=now,
            trouble=Trouble("not_found", "The broker says that there is no such queue.", gone=True),
        )
    except UnaddressableName as error:
        return Reading(at=now, trouble=Trouble(error.code, error.summary, asked=False))
    except BrokerError as error:
        return Reading(at=now, trouble=Trouble(error.code, error.summary, error.detail))
    except ConsoleError as error:
        return Reading(at=now, trouble=Trouble(error.code, error.message, asked=False))


def _not_to_be_asked(broker: Broker) -> Trouble | None:
    if not broker.enabled:
        return Trouble(
            "disabled",
            "Not asked: this broker is switched off in the console.",
            "Enable it on its page to read fresh figures.",
            asked=False,
        )
    if broker.status.state == PollState.REFUSED:
        return Trouble(
            "login_refused",
            "Not asked: the broker refuses the user or password that is stored.",
            "Mend the user or password of the broker first.",
            asked=False,
        )
    return None
