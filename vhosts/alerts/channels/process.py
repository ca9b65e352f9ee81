"""The process that sends messages by Apprise: `python -m vhosts.alerts.channels.process`.

It reads one JSON object from its standard input and writes one line of JSON for each message to its
standard output. A process of its own, because (1) a library that hangs can be killed, (2) the guard
covers everything in it, and (3) it stores the result by itself, so a worker that is killed meanwhile
neither loses nor repeats a message. Knows no Django.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import apprise

# Loaded before the guard: urllib3 looks whether the machine has IPv6 by binding a socket.
import requests  # noqa: F401
from apprise.manager_plugins import NotificationManager

from console.rabbitmq.endpoint import AddressPolicy
from console.rabbitmq.text import printable
from vhosts.alerts.channels.guard import Guard
from vhosts.alerts.channels.services import BadChannel, check_address, host_of
from vhosts.alerts.notifications import outcome
from vhosts.alerts.notifications.retries import RECORD_S, SEND_S

_LONGEST_REASON = 300
_SHORTEST_SECRET = 5


class _Heard(logging.Handler):
    """Keeps what Apprise says about a failure."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def main() -> None:
    work = json.load(sys.stdin)
    policy = AddressPolicy(
        allow_loopback=work["allow_loopback"], allow_private=work["allow_private"]
    )
    NotificationManager().plugins()  # Loads all services, before the guard forbids reading files.
    heard = _Heard()
    logger = logging.getLogger("apprise")
    logger.addHandler(heard)
    logger.propagate = False
    guard = Guard(policy)
    guard.install()
    for message in work["messages"]:
        # Without a handler, the signal ends the process, whatever it hangs in.
        signal.setitimer(signal.ITIMER_REAL, SEND_S + RECORD_S)
        result = _one(message, work["database"], work["console_url"], guard, heard)
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()
    signal.setitimer(signal.ITIMER_REAL, 0)


def _one(
    message: dict[str, Any], database: Any, console_url: str, guard: Guard, heard: _Heard
) -> dict[str, Any]:
    attempt: int | None = 1
    if database is not None:
        attempt = outcome.begin(database, message["delivery"], message["claim"])
        if attempt is None:
            return {"delivery": message["delivery"], "skipped": True}
    began, at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    guard.refused.clear()
    heard.lines.clear()
    sent, why = _send(message, console_url, guard, heard)
    took_ms = round((time.monotonic() - began) * 1000)
    if database is not None:
        outcome.end(
            database, message["delivery"], message["claim"], attempt=attempt or 1, sent=sent, why=why,
            took_ms=took_ms, at=at,
        )  # fmt: skip
    return {"delivery": message.get("delivery"), "sent": sent, "why": why, "took_ms": took_ms}


def _send(
    message: dict[str, Any], console_url: str, guard: Guard, heard: _Heard
) -> tuple[bool, str]:
    """Return whether the service took the message, and else why not, without parts of the secret."""
    url: str = message["url"]
    asset = apprise.AppriseAsset(
        app_id="Warren", app_desc="Warren", app_url=console_url, image_url_mask=None,
        image_url_logo=None, async_mode=False, secure_logging=True,
    )  # fmt: skip
    try:
        check_address(url)
        service = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
        if service is None:
            return False, _reason(heard, url) or "The service can't be used with this address."
        sender = apprise.Apprise(asset=asset)
        sender.add(service)
        sent = sender.notify(
            title=message["title"],
            body=message["body"],
            notify_type=apprise.NotifyType(message["type"]),
            body_format=apprise.NotifyFormat.TEXT,
        )
    except BadChannel as error:
        return False, str(error)
    except Exception as error:
        # Whatever a service raises is its failure: the next message is sent by another one.
        return False, guard.refused[
            0
        ] if guard.refused else f"The service failed ({type(error).__name__})."
    if sent:
        return True, ""
    if guard.refused:
        return False, guard.refused[0]
    return False, _reason(heard, url) or "The service refused the message without a reason."


def _reason(heard: _Heard, url: str) -> str:
    """Return what Apprise said last, safe to show: everything that the address contains is starred."""
    text = heard.lines[-1] if heard.lines else ""
    for piece in _secrets_of(url):
        text = text.replace(piece, "********")
    return printable(text.strip(), _LONGEST_REASON)


def _secrets_of(url: str) -> list[str]:
    """Return the pieces of an address that may be secret, longest first."""
    host = host_of(url)
    pieces = {url, unquote(url)}
    rest = url.partition("://")[2]
    for separator in "/?&=:@,;":
        rest = rest.replace(separator, "\n")
    for piece in rest.split("\n"):
        pieces |= {piece, unquote(piece)}
    keep = {host if "." in host else "", "starttls", "insecure"}
    return sorted(
        (p for p in pieces if len(p) >= _SHORTEST_SECRET and p not in keep), key=len, reverse=True
    )


if __name__ == "__main__":
    os.umask(0o077)
    main()
