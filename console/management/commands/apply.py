"""`manage.py apply FILE|FOLDER`: apply definitions to a broker and wait for the verified result.

What is applied from a folder is owned by it: changed by hand only with *break glass*.

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

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from console.engine.applying.apply import apply_broker
from console.errors import ConsoleError
from console.management import folders, pipeline
from console.models import OPEN_CHANGES, Change, Step, StepState
from vhosts.definitions.folder.plan import apply_folder
from vhosts.definitions.import_file import ImportPlan, accept_import, plan_import

_LOOK_EVERY_S = 0.5
#: Outcomes for exit code 0.
_GOOD = ("done", "in_sync")


class Command(BaseCommand):
    help = "Apply definitions and wait for the result. Exit code: 0 applied or in sync, 1 error."

    def add_arguments(self, parser: CommandParser) -> None:
        pipeline.add_file(parser)
        parser.add_argument(
            "--reason", default="", help="stored with the change and in the audit log"
        )
        parser.add_argument(
            "--wait", "--timeout", type=float, default=300, dest="timeout", metavar="SECONDS",
            help="how long to wait for the result (default: 300)",
        )  # fmt: skip
        parser.add_argument(
            "--yes", action="store_true", help="apply a folder without asking on the terminal"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user = pipeline.actor(options["acting"])
        if folders.is_folder(options["file"]):
            self._folder(options, user)
            return
        folders.refuse_options_of_folders(options)
        try:
            plan = plan_import(
                broker=pipeline.broker_named(options["broker"], user),
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
        told = self._finish(plan, change, options)
        if options["json"]:
            self.stdout.write(json.dumps(told))
        if told["state"] not in _GOOD:
            sys.exit(pipeline.FAILED)

    def _folder(self, options: dict[str, Any], user: User) -> None:
        owner = folders.source(options)
        errors: list[str] = []
        plans = list(folders.plans(options, owner, user, errors.append))
        if any(plan.desired_objects or plan.claims for plan in plans) and not options["yes"]:
            self._ask(plans)
        told = []
        for plan in plans:
            try:
                change = apply_folder(
                    plan, owner, acting_user=user, now=timezone.now(), reason=options["reason"]
                )
            except ConsoleError as error:
                errors.append(f"{plan.broker.name}: {error.message}")
                continue
            told.append({"broker": plan.broker.name, **self._finish(plan, change, options)})
        if options["json"]:
            self.stdout.write(json.dumps(told))
        for sentence in errors:
            self.stderr.write(sentence)
        if errors or any(one["state"] not in _GOOD for one in told):
            sys.exit(pipeline.FAILED)

    def _ask(self, plans: list[ImportPlan]) -> None:
        """Show the plans and ask. Raises CommandError if the answer isn't yes."""
        if not sys.stdin.isatty():
            raise CommandError("There is no terminal to ask on. Review the plan, then add --yes.")
        for plan in plans:
            for line in pipeline.plan_lines(plan):
                self.stderr.write(line)
        self.stderr.write("Apply this? Only yes applies it: ", ending="")
        self.stderr.flush()
        if sys.stdin.readline().strip() != "yes":
            raise CommandError("Nothing was changed.")

    def _finish(
        self, plan: ImportPlan, change: Change | None, options: dict[str, Any]
    ) -> dict[str, Any]:
        """Wait for the change and return its outcome; print it unless the output is JSON."""
        if not options["json"]:
            for line in pipeline.plan_lines(plan):
                self.stdout.write(line)
        if change is None:
            return {"change": None, "state": "in_sync", "steps": []}
        change = _wait(change, plan.broker.pk, options["timeout"])
        steps = list(change.steps.select_related("target"))
        if not options["json"]:
            self._report(change, steps)
        told = [
            {"op": step.op, "kind": step.target.kind, "key": step.target.key,
             "state": step.state, "detail": step.error_detail}
            for step in steps
        ]  # fmt: skip
        return {"change": str(change.pk), "state": change.state, "steps": told}

    def _report(self, change: Change, steps: list[Step]) -> None:
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
