"""Something read fresh from a broker for a page: the few places where a page view calls one.

Bounded by a deadline, and shared: many people looking at one thing cost the broker one call in
SHARED_FOR, a broker in trouble one in TROUBLE_SHARED_FOR. Trouble is part of the answer, never an exception.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from django.core.cache import cache

from console.brokers.connect import connect
from console.errors import ConsoleError
from console.models import Broker, PollState
from console.rabbitmq.endpoint import Timeouts
from console.rabbitmq.errors import BrokerError, LoginRefused, NotFound, UnaddressableName
from console.rabbitmq.management.client import ManagementClient

DEADLINE = Timeouts(connect=2.0, read=3.0, total=3.0)
SHARED_FOR = timedelta(seconds=2)
#: A broker in trouble is left alone a little longer.
TROUBLE_SHARED_FOR = timedelta(seconds=5)
#: A refused log-in is not tried again for this long: knocking on can lock the account.
REFUSED_FOR = timedelta(seconds=60)
_KEPT_S = 120
_LOCKED_S = 5
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the broker gave no answer. `gone`: it said that there is no such thing. `asked` False:
    it was not called at all."""

    code: str
    sentence: str
    advice: str = ""
    gone: bool = False
    asked: bool = True


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What the broker said at `at`, or why it did not. Both: it did not now, and `found` is older."""

    at: datetime
    found: T | None = None
    trouble: Trouble | None = None


def read_fresh(
    name: str,
    broker: Broker,
    ask: Callable[[ManagementClient], T],
    *,
    now: datetime,
    missing: str,
    keep_for: timedelta = timedelta(0),
) -> Reading[T]:
    """The reading of whoever asked just before, else one of our own. `name` tells what is read of the
    broker; `missing` says that there is none. With `keep_for`, trouble comes with the last answer that
    is not older."""
    # A changed broker (address, password) is another one: its readings are not shared.
    key = f"{name}-{broker.pk}-{broker.generation}"
    if (refusal := _not_to_be_asked(broker)) is not None:
        return _with_older(key, Reading(at=now, trouble=refusal), keep_for)
    if (found := _recent(key, now)) is not None:
        return _with_older(key, found, keep_for)
    if not cache.add(f"{key}-asking", 1, timeout=_LOCKED_S):
        return _with_older(key, _of_somebody_else(key, now), keep_for)
    started = time.monotonic()
    try:
        reading = _ask(broker, ask, now, missing)
        # As old as the answer, not as the question: a slow broker is not asked the more for it.
        took = timedelta(seconds=time.monotonic() - started)
        reading = replace(reading, at=now + took)
        cache.set(key, reading, timeout=_KEPT_S)
        if keep_for and reading.trouble is None:
            cache.set(f"{key}-last", reading, timeout=keep_for.total_seconds())
    finally:
        cache.delete(f"{key}-asking")
    return _with_older(key, reading, keep_for)


def _with_older(key: str, reading: Reading[T], keep_for: timedelta) -> Reading[T]:
    last: Any = cache.get(f"{key}-last") if keep_for and reading.trouble else None
    if not isinstance(last, Reading):
        return reading
    return replace(last, trouble=reading.trouble)


def _recent(key: str, now: datetime) -> Reading[Any] | None:
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


def _of_somebody_else(key: str, now: datetime) -> Reading[Any]:
    """Somebody is asking at this moment: wait for their answer, for as long as they may take."""
    waited_until = time.monotonic() + DEADLINE.total
    while time.monotonic() < waited_until:
        time.sleep(0.1)
        if (found := _recent(key, now)) is not None:
            return found
    return Reading(
        at=now, trouble=Trouble("timed_out", "Waiting for the broker's reply.", asked=False)
    )


def _ask(
    broker: Broker, ask: Callable[[ManagementClient], T], now: datetime, missing: str
) -> Reading[T]:
    try:
        with connect(broker, timeouts=DEADLINE) as client:
            return Reading(at=now, found=ask(client))
    except NotFound:
        return Reading(at=now, trouble=Trouble("not_found", missing, gone=True))
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
            "Not read: this broker is disabled in the console.",
            "Enable the broker to read current figures.",
            asked=False,
        )
    if broker.status.state == PollState.REFUSED:
        return Trouble(
            "login_refused",
            "Not read: the broker refuses the stored username or password.",
            "Update the broker's credentials, then test the connection.",
            asked=False,
        )
    return None
