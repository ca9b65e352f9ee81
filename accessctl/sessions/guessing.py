"""Limit failed sign-ins: wrong passwords, and wrong codes of the second step.

Strangers are counted by address, by address and account, and by account over all addresses. A
browser that has signed in to the account before (accessctl.sessions.devices) has only its own
count, so nobody can lock an account's owner out by guessing. Counts are in Postgres, and are the
same for accounts that don't exist. The rates are in ACCOUNT_RATE_LIMITS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog
from allauth.core.internal import ratelimit
from django.http import HttpRequest

from accessctl.sessions.devices import account_key, known_device
from console.client_address import client_network

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A guess that counts as a failure until `succeeded` is called."""

    _usages: tuple[Any, ...]

    def succeeded(self) -> None:
        """Undo the count. Earlier failures stay: otherwise a guesser could reset them with a
        sign-in of their own."""
        for usage in self._usages:
            usage.rollback()


def begin_attempt(request: HttpRequest, username: str, *, kind: str) -> Attempt | None:
    """Count a guess at this account. Return None if there were too many. `kind` is "password" or
    "code"; each has its own count."""
    account = account_key(username)
    device = known_device(request, username)
    if device is not None:
        wanted = [("login_device", f"{kind}:{device.user_id}:{device.ref}")]
    else:
        wanted = [
            ("login_address", ""),
            ("login_address_and_account", f"{kind}:{client_network(request)}:{account}"),
            (f"login_account_{kind}", f"{kind}:{account}"),
        ]
    usages = []
    for action, key in wanted:
        usage = ratelimit.consume(request, app="allauth.account", action=action, key=key)
        if usage is None:
            log.warning("sign_in_limited", limit=action, account=account[:150])
            return None
        usages.append(usage)
    return Attempt(tuple(usages))
