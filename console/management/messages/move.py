"""`manage.py messages move QUEUE`: move, copy or delete messages, and wait for the end.

Exit code: 0 if all selected messages were moved, 2 if some stayed, may be there twice or are
unknown, 1 if the job failed or couldn't be started.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from console.management import pipeline
from console.rabbitmq.text import printable
from console.scope import Scope
from vhosts.messages.moving.model import MessageJob
from vhosts.messages.moving.pages.preview import plan_move
from vhosts.messages.moving.places import Mode, Place, Selection, Target
from vhosts.messages.moving.rights import require_move
from vhosts.messages.moving.running.run import run_job
from vhosts.messages.moving.start import start_move
from vhosts.models import Queue

HELP = "Move, copy or delete messages of a queue. Exit code: 0 all, 2 not all, 1 error."
_NOT_ALL = 2
_PARTS = ("header", "property", "key", "exchange", "body")


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("queue", help="the name of the source")
    pipeline.add_place(parser)
    parser.add_argument("--mode", choices=Mode.values, default="move")
    parser.add_argument("--to-queue", help="the name of the target")
    parser.add_argument("--to-exchange", help="an exchange to publish to")
    parser.add_argument("--to-key", help="with --to-exchange; default: each message's first key")
    parser.add_argument(
        "--to-origin", action="store_true", help="where each message was first published"
    )
    parser.add_argument("--to-vhost", help="default: the source's")
    parser.add_argument("--to-broker", help="default: the source's")
    parser.add_argument("--first", type=int, help="only the first so many messages")
    for name in _PARTS:
        parser.add_argument(f"--{name}", default="", help="only messages that contain this")
    parser.add_argument("--rate", type=int, help="messages a second at most")
    parser.add_argument(
        "--drop-expiration", action="store_true", help="remove messages' own time to live"
    )
    parser.add_argument("--reason", default="", help="stored with the job and in the audit log")
    parser.add_argument("--confirm", default="", help="the queue's name, to delete in production")
    parser.add_argument("--dry-run", action="store_true", help="only say what would happen")
    parser.add_argument(
        "--no-wait", action="store_true", help="print the job's ID and leave it to the workers"
    )


def run(options: dict[str, Any], write: Callable[[str], object]) -> int:
    user = pipeline.actor(options["acting"])
    broker = pipeline.broker_named(options["broker"], user)
    source = Place(broker, options["vhost"] or "/", options["queue"])
    row = (
        Queue.objects.visible_to(user).present().select_related("broker__status")
        .filter(broker=broker, vhost=source.vhost, name=source.queue).first()
    )  # fmt: skip
    if row is None:
        raise CommandError(f"Queue {source.queue} not found in {source.vhost} on {broker.name}.")
    mode, selection = options["mode"], _selection(options)
    target = None if mode == Mode.DELETE else _target(options, source, user)
    require_move(user, source, target, mode)
    selection.check()
    keep = not options["drop_expiration"]
    plan = plan_move(
        user, row, target, mode, selection, rate=options["rate"], keep_expiration=keep,
        now=timezone.now(),
    )  # fmt: skip
    for line in (*plan.does, *(f"Warning: {one}" for one in plan.warnings)):
        write(printable(line))
    if plan.refusals:
        raise CommandError(plan.refusals[0])
    if options["dry_run"]:
        return 0
    if mode == Mode.DELETE and Scope.at(broker).is_production and options["confirm"] != row.name:
        raise CommandError("Send --confirm with the queue's name to delete in production.")
    job = start_move(
        user, source=source, target=target, mode=mode, selection=selection, rate=options["rate"],
        keep_expiration=keep, reason=options["reason"],
    )  # fmt: skip
    write(f"Job {job.pk}")
    return 0 if options["no_wait"] else _wait(job, write)


def _wait(job: MessageJob, write: Callable[[str], object]) -> int:
    """Run the job here unless a worker does, until it ends."""
    while not job.has_ended and job.state != MessageJob.State.PAUSED:
        run_job(str(job.pk), f"command:{uuid4().hex[:8]}")
        job.refresh_from_db()
        if not job.has_ended:
            time.sleep(1)
    write(
        f"{job.get_state_display()}: {job.done} done, {job.returned} not routed, {job.refused} refused, "
        f"{job.twice} may be there twice, {job.unknown} unknown, {job.skipped} didn't match"
    )
    if job.note:
        write(printable(job.note))
    if job.state == MessageJob.State.FAILED:
        return 1
    clean = job.state == MessageJob.State.DONE and not (job.left_behind + job.twice + job.unknown)
    return 0 if clean else _NOT_ALL


def _selection(options: dict[str, Any]) -> Selection:
    match = {name: options[name] for name in _PARTS if options[name]}
    if match and options["first"] is not None:
        raise CommandError("Send --first or a filter, not both.")
    if options["first"] is not None:
        return Selection.first(options["first"])
    return Selection.matching(match) if match else Selection.all()


def _target(options: dict[str, Any], source: Place, user: Any) -> Target:
    chosen = [name for name in ("to_queue", "to_exchange", "to_origin") if options[name]]
    if len(chosen) != 1:
        raise CommandError("Send one of --to-queue, --to-exchange and --to-origin.")
    broker = source.broker
    if options["to_broker"]:
        broker = pipeline.broker_named(options["to_broker"], user)
    vhost = options["to_vhost"] or source.vhost
    if options["to_queue"]:
        return Target.queue(broker, vhost, options["to_queue"])
    return Target(broker, vhost, options["to_exchange"], options["to_key"])
