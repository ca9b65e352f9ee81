"""`manage.py messages replay QUEUE`: send dead letters back to where they were first published.

Exit code: 0 if the job was started or the dry run found messages, 2 if there are none, 1 if it failed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from console.management import pipeline
from console.rabbitmq.text import printable
from vhosts.messages.dead_letters.parsing.deaths import REASONS
from vhosts.messages.dead_letters.replay.plan import Destination, Plan
from vhosts.messages.dead_letters.replay.service import (
    Options,
    preview_replay,
    require_replay,
    start_replay,
)
from vhosts.models import DeadLetterGroup, Queue

HELP = "Replay dead letters of a queue. Exit code: 0 started or found, 2 none, 1 error."
_NONE = 2


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("queue", help="the queue that holds the dead letters")
    pipeline.add_place(parser)
    parser.add_argument("--group", type=int, help="only this group, by its ID in the API")
    parser.add_argument("--reason", choices=REASONS, help="only sampled groups with this reason")
    parser.add_argument("--exchange", help="publish to this exchange instead of the first one")
    parser.add_argument("--key", help="with this routing key instead of the first one")
    parser.add_argument("--rate", type=int, help="messages a second at most")
    parser.add_argument("--skip-hours", type=int, help="leave what died longer ago")
    parser.add_argument("--stop-percent", type=int, help="stop when so many of 100 come back")
    parser.add_argument("--note", default="", help="reason or ticket number for the audit log")
    parser.add_argument("--dry-run", action="store_true", help="only say where they would go")


def run(options: dict[str, Any], write: Callable[[str], object]) -> int:
    user = pipeline.actor(options["acting"])
    broker = pipeline.broker_named(options["broker"], user)
    vhost = options["vhost"] or "/"
    rows = Queue.objects.visible_to(user).present().select_related("broker__status")
    queue = rows.filter(broker=broker, vhost=vhost, name=options["queue"]).first()
    if queue is None:
        raise CommandError(f"Queue {options['queue']} not found in {vhost} on {broker.name}.")
    require_replay(user, queue)
    groups = _groups(queue, options)
    if groups is None:
        write("No sampled group matches. Sample the queue first.")
        return _NONE
    given = Options(
        Destination(options["exchange"], options["key"]), options["rate"], options["skip_hours"],
        options["stop_percent"], options["note"],
    )  # fmt: skip
    if not options["dry_run"]:
        job = start_replay(queue, groups, given, acting_user=user, now=timezone.now())
        write(f"Started job {job.pk}.")
        return 0
    found = preview_replay(queue, groups, given, acting_user=user, now=timezone.now())
    if found.looked.trouble:
        raise CommandError(found.looked.trouble)
    for line in _lines(found.plan):
        write(line)
    return 0 if found.plan.count else _NONE


def _groups(queue: Queue, options: dict[str, Any]) -> list[DeadLetterGroup] | None:
    """Return the chosen groups; [] for all messages, None if none matches."""
    if options["group"] is None and options["reason"] is None:
        return []
    rows = DeadLetterGroup.objects.filter(
        broker=queue.broker_id, vhost=queue.vhost, queue=queue.name, count__gt=0
    )
    if options["group"] is not None:
        rows = rows.filter(pk=options["group"])
    if options["reason"] is not None:
        rows = rows.filter(reason=options["reason"])
    return list(rows) or None


def _lines(plan: Plan) -> list[str]:
    lines = [
        f"{way.count:>6}  {way.exchange or '(default exchange)'} {way.key or '(no routing key)'}: "
        f"{way.sentence}"
        for way in plan.ways
    ]
    if plan.homeless:
        lines.append(f"{plan.homeless:>6}  don't say where they were first published; they stay")
    if plan.older:
        lines.append(f"{plan.older:>6}  are older; they stay")
    return [printable(line, 1000) for line in lines]
