"""`manage.py export [FOLDER]`: print the definitions of a broker or virtual host in RabbitMQ's
format, or write them into a folder, one file for each virtual host (docs/git.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from console.errors import ConsoleError
from console.management import pipeline
from console.models import Broker
from vhosts.definitions.folder.write import write_folder
from vhosts.definitions.read import export_definitions, file_bytes


class Command(BaseCommand):
    help = "Print the definitions of a broker or of one virtual host as JSON, or write a folder."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "folder", nargs="?", help="write one file for each virtual host into this folder"
        )
        pipeline.add_place(parser)
        parser.add_argument(
            "--secrets",
            action="store_true",
            help="include password hashes, and passwords in URIs; never in a folder",
        )
        parser.add_argument("--transform", action="append", default=[], metavar="NAME")

    def handle(self, *args: Any, **options: Any) -> None:
        user = pipeline.actor(options["acting"])
        broker = pipeline.broker_named(options["broker"], user)
        try:
            if options["folder"]:
                self._folder(broker, user, options)
                return
            found = export_definitions(
                broker=broker,
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

    def _folder(self, broker: Broker, user: User, options: dict[str, Any]) -> None:
        if options["secrets"] or options["transform"]:
            raise CommandError("--secrets and --transform are for files, not for folders.")
        root = Path(options["folder"])
        try:
            written = write_folder(root, broker=broker, vhost=options["vhost"], acting_user=user)
        except OSError as error:
            raise CommandError(f"Can't write into {root}: {error.strerror}.") from None
        for name in written.files:
            self.stdout.write(str(written.folder / name))
        for name in written.stale:
            self.stderr.write(
                f"{written.folder / name}: {broker.name} has no virtual host for this file. Delete "
                "it, or apply it to create the virtual host."
            )
        for sentence in written.left_out:
            self.stderr.write(f"Left out because it can't be read: {sentence}")
