"""`manage.py plan FILE`: show what a definitions file would change on a broker. Changes nothing.

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
from console.management import pipeline
from vhosts.definitions.import_file import plan_import


class Command(BaseCommand):
    help = "Show what a definitions file would change. Exit code: 0 in sync, 2 changes, 1 error."

    def add_arguments(self, parser: CommandParser) -> None:
        pipeline.add_file(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        user = pipeline.actor(options["acting"])
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
        if options["json"]:
            self.stdout.write(json.dumps(pipeline.plan_json(plan)))
        else:
            for line in pipeline.plan_lines(plan):
                self.stdout.write(line)
        if not plan.sound and not options["valid_part"]:
            sys.exit(pipeline.FAILED)
        if plan.desired_objects:
            sys.exit(pipeline.PENDING)
