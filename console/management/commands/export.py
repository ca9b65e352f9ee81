"""`manage.py export`: print the definitions of a broker or virtual host, in RabbitMQ's format."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from console.errors import ConsoleError
from console.management import pipeline
from vhosts.definitions.read import export_definitions, file_bytes


class Command(BaseCommand):
    help = "Print the definitions of a broker or of one virtual host as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        pipeline.add_place(parser)
        parser.add_argument(
            "--secrets",
            action="store_true",
            help="include password hashes, and passwords in URIs",
        )
        parser.add_argument("--transform", action="append", default=[], metavar="NAME")

    def handle(self, *args: Any, **options: Any) -> None:
        user = pipeline.actor(options["acting"])
        try:
            found = export_definitions(
                broker=pipeline.broker_named(options["broker"], user),
                vhost=options["vhost"],
                secrets=options["secrets"],
                transformations=options["transform"],
                acting_user=user,
            )
        except ConsoleError as error:
            pipeline.failed(error)
        if told := found.get("explanation"):
            self.stderr.write(str(told))
        self.stdout.write(file_bytes(found).decode(), ending="")
