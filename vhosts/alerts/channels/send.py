"""Start the sending process and read what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.db import connection

from console.brokers.connect import address_policy
from console.rabbitmq.endpoint import Secret
from console.secrets import decrypt
from vhosts.alerts.channels.model import AlertChannel
from vhosts.alerts.notifications.retries import RECORD_S, SEND_S

log = structlog.get_logger(__name__)
#: Starting Python and loading the services of Apprise, on a busy machine.
_START_S = 30.0
#: Passed on: where CA certificates are. No proxy: through one, the destination couldn't be checked.
_ENVIRONMENT = ("PATH", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "TZ")


@dataclass(frozen=True, slots=True)
class Message:
    """A message to send. `type`: info, success, warning or failure. `delivery` and `claim` are of the row
    in which the result is stored; None: it is only returned."""

    url: Secret
    title: str
    body: str
    type: str
    delivery: int | None = None
    claim: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """How a message went. `why` is a sentence, "" if it was sent."""

    sent: bool
    why: str
    took_ms: int = 0


def send_now(channel_url: Secret, *, title: str, body: str, type_: str = "info") -> Result:
    """Send one message and wait for the result, which isn't stored."""
    lines = _run([Message(channel_url, title, body, type_)], database=None)
    if not lines:
        return Result(
            False,
            "The service didn't answer in time. Check the address, then test the channel again.",
        )
    return Result(bool(lines[0]["sent"]), str(lines[0]["why"]), int(lines[0]["took_ms"]))


def send_and_store(messages: Sequence[Message]) -> int:
    """Send messages one after another; the process stores each result. Return how many it handled.
    Those that it didn't handle are tried again when their lease ends."""
    return len(_run(messages, database=_database()))


def address_of(channel: AlertChannel) -> Secret:
    """Return the channel's Apprise URL. Raises WrongEncryptionKey."""
    return decrypt(channel.url_encrypted)


def _run(
    messages: Sequence[Message], *, database: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    policy = address_policy()
    work = {
        "allow_loopback": policy.allow_loopback,
        "allow_private": policy.allow_private,
        "console_url": settings.CONSOLE_URL,
        "database": database,
        "messages": [
            {
                "url": one.url.reveal(), "title": one.title, "body": one.body, "type": one.type,
                "delivery": one.delivery, "claim": one.claim,
            }
            for one in messages
        ],
    }  # fmt: skip
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-B", "-m", "vhosts.alerts.channels.process"],
        cwd=settings.BASE_DIR,
        env={**environment, "PYTHONPATH": str(settings.BASE_DIR)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        # A signal to the worker's group, such as Ctrl C, doesn't interrupt a message half sent.
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(
            json.dumps(work), timeout=_START_S + len(messages) * (SEND_S + RECORD_S)
        )
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
    if process.returncode != 0:
        log.warning("alert_sending_ended", code=process.returncode, messages=len(messages))
    return [json.loads(line) for line in said.splitlines() if line.endswith("}")]


def _database() -> dict[str, Any]:
    """Return what the process needs to connect to Postgres."""
    parameters = connection.get_connection_params()
    return {name: value for name, value in parameters.items() if isinstance(value, str | int)}
