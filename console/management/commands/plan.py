"""`manage.py plan FILE|FOLDER`: show what definitions would change on a broker. Changes nothing.

Exit code 0: in sync; 2: changes pending; 1: an error, including objects in the file that can't be
imported.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from console.errors import ConsoleError
from console.management import folders, pipeline
from vhosts.definitions.import_file import ImportPlan, plan_import


class Command(BaseCommand):
    help = "Show what definitions would change. Exit code: 0 in sync, 2 changes, 1 error."

    def add_arguments(self, parser: CommandParser) -> None:
        pipeline.add_file(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        user = pipeline.actor(options["acting"])
        errors: list[str] = []
        if folders.is_folder(options["file"]):
            owner = folders.source(options)
            plans = list(folders.plans(options, owner, user, errors.append))
            shown: Any = [pipeline.plan_json(plan) for plan in plans]
        else:
            folders.refuse_options_of_folders(options)
            try:
                plan = plan_import(
                    broker=pipeline.broker_named(options["broker"], user),
                    body=pipeline.read_input(options["file"]),
                    options=pipeline.options_of(options),
                    acting_user=user,
                    now=timezone.now(),
                )
            except ConsoleError as error:
                pipeline.failed(error)
            plans, shown = [plan], pipeline.plan_json(plan)
        self._report(plans, shown, errors, as_json=options["json"])
        if errors or not (options["valid_part"] or all(plan.sound for plan in plans)):
            sys.exit(pipeline.FAILED)
        if any(plan.desired_objects for plan in plans):
            sys.exit(pipeline.PENDING)

    def _report(
        self, plans: list[ImportPlan], shown: Any, errors: list[str], *, as_json: bool
    ) -> None:
        if as_json:
            self.stdout.write(json.dumps(shown))
        else:
            for plan in plans:
                for line in pipeline.plan_lines(plan):
                    self.stdout.write(line)
        for error in errors:
            self.stderr.write(error)
