"""`manage.py alerts export|plan|apply [FILE]`: alert rules as a file (docs/alert-messages.md)."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from console.errors import ConsoleError
from console.management import pipeline
from console.rabbitmq.text import printable
from vhosts.alerts.file.rules import Row, apply_rules, export_rules, plan_rules


class Command(BaseCommand):
    help = "Export alert rules as YAML, show what a file would change, or apply it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=("export", "plan", "apply"))
        parser.add_argument("file", nargs="?", default="-", help="the file; - reads standard input")
        parser.add_argument("--enabled", action="store_true", help="export only rules that are on")
        parser.add_argument(
            "--as",
            dest="acting",
            help="the console account whose rights apply; optional if there is only one superuser",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["act"] == "export":
            self.stdout.write(export_rules(only_enabled=options["enabled"]), ending="")
            return
        user = pipeline.actor(options["acting"])
        text = pipeline.read_input(options["file"])
        try:
            rows = (
                apply_rules(text, user, timezone.now())
                if options["act"] == "apply"
                else plan_rules(text, user)
            )
        except ConsoleError as error:
            pipeline.failed(error)
        for row in rows:
            self._show(row)
        changed = sum(row.act != "unchanged" for row in rows)
        done = "Applied" if options["act"] == "apply" else "Would change"
        self.stdout.write(f"{done}: {changed} of {len(rows)} rules.")

    def _show(self, row: Row) -> None:
        if row.act == "unchanged":
            return
        self.stdout.write(f"{row.act} {printable(row.name)}")
        if row.act == "update":
            for field, before, after in row.changes:
                self.stdout.write(f"  {field}: {printable(str(before))} → {printable(str(after))}")
