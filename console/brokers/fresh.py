"""Read something from a broker for a page. These are the few places where a page view calls a
broker.

Reads have a deadline and are shared: however many people look at one thing, the broker gets one
call in SHARED_FOR; a broker in trouble gets one in TROUBLE_SHARED_FOR. Trouble is part of the
answer, never an exception.
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
#: A broker in trouble gets a little more time.
TROUBLE_SHARED_FOR = timedelta(seconds=5)
#: How long a refused login isn't retried: retrying can lock the account.
REFUSED_FOR = timedelta(seconds=60)
_KEPT_S = 120
_LOCKED_S = 5
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the broker gave no answer. `gone`: the broker says that the object doesn't exist. `asked`
    False: the broker wasn't called."""

    code: str
    sentence: str
    advice: str = ""
    gone: bool = False
    asked: bool = True


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What the broker answered at `at`, or why it didn't. If both are set, it didn't answer now,
    and `found` is older."""

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
    """Return a shared recent reading, or read from the broker.

    `name` identifies what is read; `missing` is the sentence for an object that doesn't exist. With
    `keep_for`, trouble comes with the last answer that isn't older than that.
    """
    # Readings aren't shared after an edit: another address or password may mean another broker.
    key = f"{name}-{broker.pk}-{broker.generation}"
    if (refusal := why_not_asked(broker)) is not None:
        return _with_older(key, Reading(at=now, trouble=refusal), keep_for)
    if (found := _recent(key, now)) is not None:
        return _with_older(key, found, keep_for)
    if not cache.add(f"{key}-asking", 1, timeout=_LOCKED_S):
        return _with_older(key, _of_somebody_else(key, now), keep_for)
    started = time.monotonic()
    try:
        reading = _ask(broker, ask, now, missing)
        # The age counts from the answer, not from the request, so that a slow broker isn't called
        # more often.
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
    """Wait for a reading that another request has just started, at most until its deadline."""
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


def why_not_asked(broker: Broker) -> Trouble | None:
    """Return why the broker mustn't be called now; None if it may."""
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
