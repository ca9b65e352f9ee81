"""`manage.py messages publish`: publish one message, or many from a file.

Exit code: 0 all confirmed; 2 some not routed, refused or not sent; 3 of some nobody knows whether they
arrived; 1 an error, and nothing was sent.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from django.core.management.base import CommandError, CommandParser

from console.errors import InvalidField
from console.faces.pages.words import counted
from console.management import pipeline
from console.rabbitmq.text import printable
from vhosts.messages.publishing.batches.model import LineState, PublishBatch
from vhosts.messages.publishing.batches.read import BadFile
from vhosts.messages.publishing.batches.run import send_batch
from vhosts.messages.publishing.batches.service import counts_of, start, store
from vhosts.messages.publishing.message import MOST_BODY, Draft, check_body, read_message
from vhosts.messages.publishing.reasons import verdict_of
from vhosts.messages.publishing.send import publish
from vhosts.messages.publishing.where import Place, place_for

HELP = "Publish messages, each at most once. Exit code: 0 confirmed, 2 not all, 3 unknown, 1 error."
_NOT_ALL, _UNKNOWN = 2, 3
_CHUNK = 64 * 1024


def add_arguments(parser: CommandParser) -> None:
    pipeline.add_place(parser)
    parser.add_argument("--exchange", default="", help="default: the default exchange")
    parser.add_argument("--key", default="", help="the routing key")
    parser.add_argument("--queue", help="publish to this queue by the default exchange")
    body = parser.add_mutually_exclusive_group()
    body.add_argument("--body", help="the payload as text")
    body.add_argument("--body-file", metavar="FILE", help="the payload; - reads standard input")
    body.add_argument(
        "--lines", metavar="FILE", help="JSON lines, one message each; - reads standard input"
    )
    parser.add_argument("--headers", metavar="JSON", help="a JSON object (docs/messages.md)")
    parser.add_argument(
        "--property", action="append", default=[], metavar="NAME=VALUE", help="such as priority=5"
    )
    parser.add_argument("--delay", type=int, help="milliseconds, for x-delayed-message exchanges")
    parser.add_argument(
        "--once", metavar="KEY", help="a key: repeated with it, nothing is sent a second time"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: dict[str, Any], write: Callable[[str], object]) -> int:
    user = pipeline.actor(options["acting"])
    broker = pipeline.broker_named(options["broker"], user)
    place = place_for(user, broker, options["vhost"] or "/")
    key = f"command-{options['once'] or uuid4().hex}"
    if len(key) > 100:
        raise CommandError("--once: at most 90 characters.")
    if options["lines"]:
        return _lines(options, place, user, key, write)
    try:
        draft = _draft(options)
        found = publish(draft, place, actor=user, key=key, origin="command")
    except InvalidField as error:
        raise CommandError(f"{error.field}: {error.message}") from None
    verdict = verdict_of(found.state, found.code, found.text, delay=found.delay)
    if options["json"]:
        facts = {
            "id": str(found.pk), "outcome": found.state, "reply_code": found.code,
            "reply_text": found.text, "detail": verdict.text,
        }  # fmt: skip
        write(json.dumps(facts))
    else:
        write(printable(f"{verdict.title}: {verdict.text} {verdict.advice}".strip(), 1000))
    return _code({found.state})


def _draft(options: dict[str, Any]) -> Draft:
    """Return the message. Raises InvalidField, CommandError."""
    exchange, key = options["exchange"], options["key"]
    if options["queue"] is not None:
        if exchange or key:
            raise CommandError("Use either --queue, or --exchange and --key.")
        key = options["queue"]
    data: dict[str, Any] = {
        "exchange": exchange, "routing_key": key, "properties": _properties(options["property"]),
        "delay": options["delay"], "payload": options["body"],
    }  # fmt: skip
    if options["headers"]:
        try:
            data["headers"] = json.loads(options["headers"])
        except (ValueError, RecursionError):
            raise CommandError("--headers: this isn't valid JSON.") from None
    draft = read_message(data)
    if not options["body_file"]:
        return draft
    with _opened(options["body_file"]) as file:
        body = check_body(file.read(MOST_BODY + 1), "--body-file")
    return Draft(
        exchange=draft.exchange, routing_key=draft.routing_key, properties=draft.properties,
        headers=draft.headers, delays=draft.delays, body=body,
    )  # fmt: skip


def _properties(given: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals:
            raise CommandError(f"--property {one}: write NAME=VALUE.")
        number = name in ("priority", "delivery_mode") and value.isdecimal() and len(value) < 20
        found[name] = int(value) if number else value
    return found


def _lines(
    options: dict[str, Any], place: Place, user: Any, key: str, write: Callable[[str], object]
) -> int:
    """Check and send a file in this process."""
    try:
        with _opened(options["lines"]) as file:
            batch = store(
                _chunks(file), place, exchange=options["exchange"], title=Path(options["lines"]).name,
                actor=user, key=key, origin="command",
            )  # fmt: skip
    except BadFile as error:
        for fault in error.faults:
            write(printable(str(fault), 1000))
        raise CommandError(error.message) from None
    if not batch.is_open and batch.state != "done":
        start(batch, user)
    send_batch(batch.pk)
    batch = PublishBatch.objects.get(pk=batch.pk)
    counts = {state: number for state, number in counts_of(batch).items() if number}
    if options["json"]:
        write(json.dumps({"id": str(batch.pk), "state": batch.state, "problem": batch.problem,
                          "counts": counts}))  # fmt: skip
    else:
        said = ", ".join(
            f"{number:,} {LineState(name).label.lower()}" for name, number in counts.items()
        )
        write(f"{counted(batch.total, 'message')}: {said}.")
        if batch.problem:
            write(printable(batch.problem, 1000))
    return _code(set(counts))


def _code(states: set[str]) -> int:
    if states & {"unknown", "sending"}:
        return _UNKNOWN
    return 0 if states <= {"confirmed"} else _NOT_ALL


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


def _opened(name: str) -> IO[bytes]:
    if name == "-":
        return sys.stdin.buffer
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise CommandError(f"Can't read {name}: {error.strerror}.") from None
