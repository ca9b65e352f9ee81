"""`manage.py messages peek QUEUE`: read messages and put them back.

Exit code: 0 if messages were read that match, 2 if there are none, 1 if nothing could be read.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.http import Http404
from django.utils import timezone

from accessctl.authorize import require
from accessctl.rights import Permission
from console.management import pipeline
from console.rabbitmq.text import printable
from vhosts.messages.matching import Match
from vhosts.messages.peeking.pages.serializers import PeekedMessage
from vhosts.messages.peeking.read import Outcome, read_messages
from vhosts.messages.peeking.rows import Row, rows_of
from vhosts.messages.peeking.texts import as_kept, notes_of
from vhosts.messages.peeking.wanted import DEFAULT, MOST, STARTS, Wanted
from vhosts.messages.showing import reader_of
from vhosts.models import Queue

HELP = "Read messages of a queue or stream and put them back. Exit code: 0 read, 2 none, 1 error."
_NONE = 2


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("queue", help="the name of the queue")
    pipeline.add_place(parser)
    parser.add_argument("--count", default=str(DEFAULT), help=f"how many (1 to {MOST})")
    parser.add_argument(
        "--from", choices=STARTS, default="first", help="streams only: where to start"
    )
    parser.add_argument("--offset", help="with --from offset")
    parser.add_argument("--time", help="with --from time, such as 2026-03-01T08:30:00Z")
    parser.add_argument("--filter", action="append", help="streams only: a filter value")
    for name in ("header", "property", "key", "exchange", "body"):
        parser.add_argument(f"--{name}", default="", help="show only messages that contain this")
    parser.add_argument("--json", action="store_true", help="print one JSON object per message")


def run(options: dict[str, Any], write: Callable[[str], object]) -> int:
    user = pipeline.actor(options["acting"])
    broker = pipeline.broker_named(options["broker"], user)
    vhost = options["vhost"] or "/"
    queue = (
        Queue.objects.visible_to(user).present().select_related("broker__status")
        .filter(broker=broker, vhost=vhost, name=options["queue"]).first()
    )  # fmt: skip
    if queue is None:
        raise CommandError(f"Queue {options['queue']} not found in {vhost} on {broker.name}.")
    require(user, Permission.MESSAGES_VIEW, broker, vhost)
    wanted, match = Wanted.of(options), Match.of(options)
    outcome = read_messages(user, queue, wanted, timezone.now(), "command")
    if not outcome.is_read:
        raise CommandError(_why(outcome))
    try:
        reader = reader_of(user, broker.pk, vhost)
    except Http404 as error:
        raise CommandError(str(error)) from None
    rows = list(rows_of(outcome.messages, reader, match))
    for row in rows:
        write(json.dumps(PeekedMessage(row).data) if options["json"] else _line(row))
    if not options["json"]:
        for _, note in notes_of(as_kept(outcome)):
            write(f"Note: {note}")
    return 0 if rows else _NONE


def _why(outcome: Outcome) -> str:
    if outcome.trouble is not None:
        return f"{outcome.trouble.sentence} {printable(outcome.trouble.advice)}".strip()
    return " ".join((outcome.verdict.refusal, *outcome.verdict.instead))


def _line(row: Row) -> str:
    message = row.message
    place = (
        f"{message.exchange or '(default exchange)'} {message.routing_key or '(no routing key)'}"
    )
    redelivered = " redelivered" if message.redelivered else ""
    body = row.summary if message.payload else message.reason
    return f"{row.at:>4}  {place}  {message.size} B{redelivered}  {printable(body)}"
