"""`manage.py messages listen`: print messages as they come.

Exit code: 0 if any came, 2 if none did, 1 if it couldn't listen.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.http import Http404
from django.utils import timezone

from console.management import pipeline
from console.rabbitmq.text import printable
from vhosts.messages.listening.api import HeardRead
from vhosts.messages.listening.targets import Target
from vhosts.messages.listening.viewers import Heard, Reading, join, leave, read, viewer_of
from vhosts.messages.matching import Match

HELP = "Print messages as they come. Exit code: 0 some came, 2 none, 1 error."
_NONE = 2
_EVERY_S = 1.0


def add_arguments(parser: CommandParser) -> None:
    pipeline.add_place(parser)
    parser.add_argument("--exchange", help="listen to what this exchange routes")
    parser.add_argument("--queue", help="or to what the bindings of this queue route")
    parser.add_argument(
        "--bind-key", help="listen with a key of your own instead of copied bindings"
    )
    parser.add_argument("--bind-arguments", help="the arguments of that binding, as a JSON object")
    parser.add_argument("--count", type=int, default=0, help="stop after this many messages")
    parser.add_argument("--seconds", type=float, default=60.0, help="stop after this time")
    for name in ("header", "property", "key", "body"):
        parser.add_argument(f"--{name}", default="", help="print only messages that contain this")
    parser.add_argument("--json", action="store_true", help="print one JSON object per message")


def run(options: dict[str, Any], write: Callable[[str], object]) -> int:
    user = pipeline.actor(options["acting"])
    broker = pipeline.broker_named(options["broker"], user)
    own = options["bind_key"] is not None or options["bind_arguments"] is not None
    given = {
        "vhost": options["vhost"] or "/",
        **{name: options[name] for name in ("exchange", "queue") if options[name] is not None},
        **({"mode": "key", "key": options["bind_key"] or ""} if own else {}),
        **({"arguments": options["bind_arguments"]} if own else {}),
    }
    wanted = Match.of(options)
    viewer = join(user, broker, Target.of(given), now=timezone.now())
    after, count = viewer.tap.seq, 0
    until = time.monotonic() + options["seconds"]
    try:
        while time.monotonic() < until:
            now = timezone.now()
            viewer = viewer_of(user, viewer.pk, now=now)
            found = read(user, viewer, after=after, wanted=wanted, now=now)
            after = found.after
            if found.state == "trouble":
                raise CommandError(f"{found.tap.error} {found.tap.advice}".strip())
            for one in found.heard:
                write(_json(one) if options["json"] else _line(one))
                count += 1
                if count == options["count"]:
                    return 0
            if found.skipped and not options["json"]:
                write(_skipped(found))
            time.sleep(_EVERY_S)
    except Http404:
        raise CommandError("Listening has ended.") from None
    finally:
        leave(viewer, now=timezone.now())
    return 0 if count else _NONE


def _json(one: Heard) -> str:
    return json.dumps(HeardRead(one).data)


def _line(one: Heard) -> str:
    message = one.shown
    place = (
        f"{message.exchange or '(default exchange)'} {message.routing_key or '(no routing key)'}"
    )
    body = message.payload.text[:200] if message.payload else message.reason
    return f"{one.at:%H:%M:%S}  {place}  {message.size} B  {printable(body)}"


def _skipped(found: Reading) -> str:
    least = "at least " if found.at_least else ""
    return f"Note: {found.kept} kept, {least}{found.skipped} skipped."
