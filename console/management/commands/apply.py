"""`manage.py apply FILE`: apply a definitions file to a broker and wait for the verified result.

Exit code 0: everything is applied and read back, or already was; 1: an error, a step that wasn't
applied, or still waiting after --timeout (the change is stored, and workers continue it).
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from console.engine.applying.apply import apply_broker
from console.errors import ConsoleError
from console.management import pipeline
from console.models import OPEN_CHANGES, Change, StepState
from vhosts.definitions.import_file import accept_import, plan_import

_LOOK_EVERY_S = 0.5


class Command(BaseCommand):
    help = (
        "Apply a definitions file and wait for the result. Exit code: 0 applied or in "
        "sync, 1 error."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        pipeline.add_file(parser)
        parser.add_argument(
            "--reason", default="", help="stored with the change and in the audit log"
        )
        parser.add_argument(
            "--timeout", type=float, default=300, help="seconds to wait (default: 300)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user = pipeline.actor(options["acting"])
        try:
            broker = pipeline.broker_named(options["broker"], user)
            plan = plan_import(
                broker=broker,
                body=pipeline.read_input(options["file"]),
                options=pipeline.options_of(options),
                acting_user=user,
                now=timezone.now(),
            )
            change = accept_import(
                plan,
                acting_user=user,
                now=timezone.now(),
                origin="command",
                reason=options["reason"],
            )
        except ConsoleError as error:
            pipeline.failed(error)
        if not options["json"]:
            for line in pipeline.plan_lines(plan):
                self.stdout.write(line)
        if change is None:
            if options["json"]:
                self.stdout.write(json.dumps({"change": None, "state": "in_sync", "steps": []}))
            return
        change = _wait(change, broker.pk, options["timeout"])
        self._report(change, as_json=options["json"])
        if change.state != "done":
            sys.exit(pipeline.FAILED)

    def _report(self, change: Change, *, as_json: bool) -> None:
        steps = list(change.steps.select_related("target"))
        if as_json:
            told = [
                {"op": step.op, "kind": step.target.kind, "key": step.target.key,
                 "state": step.state, "detail": step.error_detail}
                for step in steps
            ]  # fmt: skip
            answer = {"change": str(change.pk), "state": change.state, "steps": told}
            self.stdout.write(json.dumps(answer))
            return
        for step in steps:
            if step.state != StepState.APPLIED:
                shown = "".join(
                    c if c.isprintable() else "?" for c in f"{step} {step.error_detail}"
                )
                self.stdout.write(f"{step.state}: {shown}")
        applied = sum(1 for step in steps if step.state == StepState.APPLIED)
        self.stdout.write(
            f"Change {change.pk} is {change.get_state_display().lower()}: {applied} of "
            f"{len(steps)} steps applied and verified."
        )


def _wait(change: Change, broker_id: int, seconds: float) -> Change:
    """Wait for the change to end, at most `seconds`. Also applies its steps here, in case no worker
    runs; both can safely run at once."""
    ends = time.monotonic() + seconds
    owner = f"{socket.gethostname()[:24]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    while True:
        apply_broker(broker_id, owner=owner, clock=timezone.now)
        change.refresh_from_db()
        if change.state not in OPEN_CHANGES or time.monotonic() > ends:
            return change
        time.sleep(_LOOK_EVERY_S)
